// load_log(): what the files of a store hold. Changes nothing.
//
// Files: `<first sequence, 20 digits>.log` (segments), `retained` (the retained events of segments that were removed),
// `reserve` (room for `retained` on a full disk), `lock`. `*.new` is a file being written; `importing` is there while
// an empty store is filled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file_index.h"
#include "log_files.h"
#include "log_format.h"

namespace millrace {

inline constexpr std::string_view kRetainedFile = "retained";
inline constexpr std::string_view kReserveFile = "reserve";
inline constexpr std::string_view kImportingFile = "importing";
inline constexpr std::string_view kNewSuffix = ".new";

std::string segment_name(std::uint64_t first);

struct LoadedLog {
  std::string epoch = {};  ///< empty: there is no log yet
  FileIndex index = {};
  LogHead last = {};                        ///< of the last segment
  std::uint64_t last_bytes = 0;             ///< of the last segment, as far as it is whole
  std::uint64_t torn_bytes = 0;             ///< after that: a group that was never acknowledged, or parts of one
  std::vector<std::string> leftovers = {};  ///< files to remove
};

/// Throws StoreUnavailable, with the file and the offset, if something acknowledged is missing or damaged, or if a
/// newer version wrote the files; FileError if they cannot be read. A file that disappears meanwhile is a FileError,
/// too: a server has removed it, and another call reads the files as they then are.
LoadedLog load_log(LogFolder& folder);

/// The bytes of the `retained` file: `entries`, each with the topics that retain it. Segments begin with `first`.
std::string encode_retained(LogHead head, const std::vector<LogEntry>& entries, std::uint64_t first);

/// The most bytes that it can have, of so many retaining topics, whose events cost so many bytes by retained_cost().
std::size_t most_bytes_of_retained(std::size_t topics, std::size_t cost);

/// What is wrong with the files, a sentence each, at most `most`.
std::vector<std::string> find_damage(LogFolder& folder, std::size_t most);

/// Reads a segment or `retained` file. Throws StoreUnavailable if it does not begin with a head.
std::string read_log_file(LogFolder& folder, const std::string& name, LogHead& head);

/// Why the file is not what was written.
std::string damage_at(std::string_view name, std::size_t offset, std::string_view what);

}  // namespace millrace
