// The bytes of a store in files: a head, then groups of records. Pure; every byte may be wrong.
//
// Numbers are little-endian. A head (kLogHeadBytes):
//
//   "MillraceLog\n"  version: 4  first: 8  previous: 8  boot: 8  key: 16  epoch's size: 1  0: 7  epoch: 32  digest: 8
//
// A group, what was committed together (kGroupHeadBytes, then its records):
//
//   "Grp\n"  count: 4  bytes of the records: 4  0: 4  first: 8  oldest: 8  synced: 8  records' digests: 8  digest: 8
//
// A record (kRecordHeadBytes, then the texts): the sequence is the group's first, plus its place.
//
//   digest: 8  published: 8  payload: 4  topics: 2  publisher's ID: 2  kind and flags: 1  key: 1  0: 2
//   topics, publisher's ID, key, payload
//
// Digests are SipHash-1-3 with the file's random key: a record's covers it and its sequence; a group's covers its head,
// which has the records' digests mixed together. Without the key nobody can publish an event whose bytes look like a
// group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sip_hash.h"
#include "millrace/server/event_store.h"

namespace millrace {

inline constexpr std::uint32_t kLogFormatVersion = 1;
inline constexpr std::size_t kLogHeadBytes = 104;
inline constexpr std::size_t kGroupHeadBytes = 56;
inline constexpr std::size_t kRecordHeadBytes = 28;

/// The beginning of a file.
struct LogHead {
  std::uint64_t first = 1;     ///< sequence of the first entry that the file can have
  std::uint64_t previous = 0;  ///< `first` of the file before it; 0 without one
  std::uint64_t boot = 0;      ///< start of the machine in which the file was begun
  SipKey key{};
  std::string epoch = {};

  std::string encode() const;
  /// What a file begins with.
  enum class Result : std::uint8_t { kGood, kDamaged, kNewer, kForeign };
  /// kNewer: a newer version wrote it. kForeign: something else.
  static Result decode(std::string_view bytes, LogHead& head);
};

/// LogHead::boot, of a start of the machine.
inline std::uint64_t boot_number(std::string_view boot_id) {
  return SipHash<1, 3>::hash({.first = 0, .second = 0}, boot_id);
}

/// An entry as it is in a file.
struct StoredEntry {
  LogEntry entry;
  bool is_retained = false;
  std::size_t offset = 0;  ///< in the file
};

/// Appends a record to `bytes`, and returns its digest.
std::uint64_t encode_record(std::string& bytes, const SipKey& key, const LogEntry& entry, bool is_retained);

/// Reads the record at the beginning of `bytes`, and removes it; nothing if it is not what was written.
std::optional<StoredEntry> decode_record(std::string_view& bytes, const SipKey& key, std::uint64_t sequence);

/// Builds a group: add() each entry, then finish().
class GroupBuilder {
 public:
  /// Appends to `bytes`.
  GroupBuilder(std::string& bytes, const SipKey& key, std::uint64_t first)
      : bytes_(bytes), key_(key), begin_(bytes.size()), first_(first) {
    bytes_.resize(begin_ + kGroupHeadBytes);
  }
  /// Returns where the record begins in `bytes`. Sequences follow one another.
  std::size_t add(const LogEntry& entry, bool is_retained);
  /// `oldest`: of the log. `synced`: how much of the file is on the disk, before this is written.
  void finish(std::uint64_t oldest, std::uint64_t synced);

 private:
  std::string& bytes_;
  const SipKey& key_;
  const std::size_t begin_;
  const std::uint64_t first_;
  std::uint32_t count_ = 0;
  std::uint64_t digests_ = 0;
};

/// A group as it is in a file, at `offset`.
struct LogGroup {
  std::uint64_t first = 0;
  std::uint32_t count = 0;
  std::uint64_t oldest = 0;
  std::uint64_t synced = 0;
  std::uint64_t digests = 0;  ///< of the records
  std::size_t offset = 0;
  std::size_t bytes = 0;  ///< with its head

  /// The group at `offset` of a file, by its head; nothing if it is not complete, or not what was written.
  static std::optional<LogGroup> decode(std::string_view file, std::size_t offset, const SipKey& key);
  /// Its records; nothing if they are not what was written.
  std::optional<std::vector<StoredEntry>> entries(std::string_view file, const SipKey& key) const;
};

/// Whether a group after `offset` says that what is before it was on the disk beyond `offset`: then what is wrong at
/// `offset` is damage, and not what a power cut leaves of the last groups.
bool is_before_synced_group(std::string_view file, std::size_t offset, const SipKey& key);

}  // namespace millrace
