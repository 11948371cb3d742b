// rewrite_log(): makes sure that SQLite's log (PATH-wal) is on the disk.
#pragma once

#include <string>

namespace millrace {

/// Writes the log again, byte for byte, and syncs it; does nothing if there is no log. To be called before the file is
/// opened for writing.
///
/// When a sync fails, Linux forgets what it had to write, and the next sync succeeds. What is read back then is what
/// the disk never got. SQLite would take it for committed, and put further commits after it, which a power cut would
/// take with it. Written again, it is on the disk, or the sync fails again.
///
/// Throws SqliteError.
void rewrite_log(const std::string& path);

}  // namespace millrace
