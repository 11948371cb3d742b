// LogFolder, LogFile: all that a store in files asks of the system. Tests put a disk with faults in its place.
//
//   const auto file = folder.create("00000000000000000001.log.new");
//   file->append(bytes);
//   file->sync();
//   folder.rename("00000000000000000001.log.new", "00000000000000000001.log");
//   folder.sync();  // now the name is on the disk, too
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// What the system refused, as a sentence with the name of the file.
class FileError : public std::runtime_error {
 public:
  explicit FileError(const std::string& sentence, bool is_missing = false)
      : std::runtime_error(sentence), is_missing_(is_missing) {}
  /// Whether there is no such file.
  bool is_missing() const { return is_missing_; }

 private:
  bool is_missing_;
};

/// An open file. Members throw FileError. One thread at a time, except read().
class LogFile {
 public:
  virtual ~LogFile() = default;
  /// Writes at the end. If it throws, any part of the bytes may be there.
  virtual void append(std::string_view bytes) = 0;
  /// Returns when all that was written is on the disk. If it throws, that is unknown, and a second call cannot tell.
  virtual void sync() = 0;
  virtual void truncate(std::uint64_t size) = 0;
  /// Bytes from `offset` on; fewer than `size` at the end of the file.
  virtual std::string read(std::uint64_t offset, std::size_t size) const = 0;
  virtual std::uint64_t size() const = 0;
};

/// A folder. Members throw FileError. Any thread.
class LogFolder {
 public:
  virtual ~LogFolder() = default;
  /// Opens an existing file for reading.
  virtual std::unique_ptr<LogFile> open(const std::string& name) = 0;
  /// Opens an existing file for appending.
  virtual std::unique_ptr<LogFile> open_to_append(const std::string& name) = 0;
  /// Creates a file, or empties the one of this name.
  virtual std::unique_ptr<LogFile> create(const std::string& name) = 0;
  /// Replaces a file of the new name.
  virtual void rename(const std::string& name, const std::string& new_name) = 0;
  /// Does nothing if there is no such file.
  virtual void remove(const std::string& name) = 0;
  virtual std::vector<std::string> list() = 0;
  /// Returns when names that were created, changed and removed are on the disk.
  virtual void sync() = 0;
};

}  // namespace millrace
