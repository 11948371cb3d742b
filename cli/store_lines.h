// The lines of `millrace store export` and `import`: JSON, one object a line. docs/operations.md has the fields.
//
// The first line describes the log, each further one is an entry, and the last one says how many there are, so that a
// file that was cut off is noticed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include "millrace/server/store_access.h"

namespace millrace::cli {

/// Largest line that is read: an event of 16 MiB, of which JSON writes each byte as six.
inline constexpr std::size_t kMaxStoreLineBytes = 100 * 1024 * 1024;

std::string head_line(const StoreDescription& store);
std::string entry_line(const std::string& epoch, const StoreAccess::Entry& entry);
std::string end_line(std::uint64_t entries);

/// Reads them back, and checks each.
class StoreLines {
 public:
  /// `name` of the file is for messages. Reads the first line. Throws std::runtime_error, with the number of the line,
  /// the field and what is expected.
  StoreLines(std::istream& input, std::string name);

  const StoreDescription& store() const { return store_; }
  std::uint64_t entries() const { return entries_; }

  /// The next entry; nothing after the last line. Throws like the constructor, also if the last line is missing.
  std::optional<StoreAccess::Entry> next();

 private:
  std::optional<std::string> read_line();
  [[noreturn]] void fail(const std::string& problem) const;

  std::istream& input_;
  const std::string name_;
  std::uint64_t line_ = 0;
  StoreDescription store_;
  std::uint64_t last_ = 0;  // sequence of the last entry
  std::uint64_t entries_ = 0;
};

}  // namespace millrace::cli
