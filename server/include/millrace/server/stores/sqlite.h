// open_sqlite(): a store in an SQLite file. Part `millrace::sqlite`: link it.
//
//   millrace::Server server({.store = millrace::open_sqlite("/var/lib/app/events.db", {.bounds = {.age = 24h}})});
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"

namespace millrace {

/// Which acknowledged events a power cut may lose. The end of the program, however it ends, loses none.
enum class StoreSync : std::uint8_t {
  kFull,    ///< none: publishing waits for the disk
  kNormal,  ///< the events of the last moments; publishing is faster
};

/// Settings of a store in an SQLite file.
struct SqliteOptions {
  /// What a power cut may lose.
  StoreSync sync = StoreSync::kFull;
  /// How much the file keeps: 1 GiB (kStoreBytes) by default.
  StoreBounds bounds = {};
};

/// Opens the file, or creates it. Beside it are `PATH-wal`, `PATH-shm` (SQLite's) and `PATH-lock`, by which one program
/// at a time uses it. Publishers that come at the same time share a commit.
///
/// While the file cannot be written the store refuses events, and tries again every kStoreRetry. A damaged file is not
/// written any more.
///
/// Throws InvalidOption if an option is invalid, StoreUnavailable if the file cannot be used: another program has it
/// open, it is not a file of Millrace's, or what the system says.
std::shared_ptr<EventStore> open_sqlite(const std::string& path, const SqliteOptions& options = {});

}  // namespace millrace
