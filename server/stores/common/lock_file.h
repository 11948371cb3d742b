// LockFile: lets only one program at a time use a store. The system releases it, however the program ends.
#pragma once

#include <string>

namespace millrace {

/// Whether the file is on a file system that the machine's next start empties.
bool is_in_memory(const std::string& path);

class LockFile {
 public:
  /// Locks the file; creates a missing one. Throws StoreUnavailable if another program has locked it, or if it cannot
  /// be created.
  explicit LockFile(const std::string& path);
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  /// Text in the file, up to 64 bytes; empty if the file has no text.
  std::string text() const;
  /// Writes the text to the disk. Does nothing if the disk is full.
  void set_text(const std::string& text) const noexcept;

 private:
  int file_;
};

}  // namespace millrace
