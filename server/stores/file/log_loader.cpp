#include "log_loader.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>
#include <utility>

namespace millrace {

namespace {

constexpr std::size_t kNameDigits = 20;
constexpr std::string_view kSegmentSuffix = ".log";

// The sequence in a segment's name; nothing if it is another file.
std::optional<std::uint64_t> first_of(std::string_view name) {
  if (name.size() != kNameDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) return std::nullopt;
  std::uint64_t first = 0;
  const char* const end = name.data() + kNameDigits;
  const auto [end_of_digits, error] = std::from_chars(name.data(), end, first);
  return error == std::errc{} && end_of_digits == end && first > 0 ? std::optional(first) : std::nullopt;
}

// The log's sequences are below it: IDs and SQLite's integers have room for them.
bool is_sequence(std::uint64_t number) {
  return number > 0 && number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

struct Listed {
  std::vector<std::uint64_t> segments = {};  // in order
  std::vector<std::string> leftovers = {};
  bool has_retained = false;
  bool is_importing = false;
};

Listed list(LogFolder& folder) {
  Listed listed;
  for (const std::string& name : folder.list()) {
    if (const auto first = first_of(name)) {
      listed.segments.push_back(*first);
    } else if (name == kRetainedFile) {
      listed.has_retained = true;
    } else if (name == kImportingFile) {
      listed.is_importing = true;
    } else if (name.ends_with(kNewSuffix)) {
      listed.leftovers.push_back(name);
    }
  }
  std::sort(listed.segments.begin(), listed.segments.end());
  // What an import that did not come to its end has written. The mark goes last.
  if (listed.is_importing) {
    for (const std::uint64_t first : std::exchange(listed.segments, {}))
      listed.leftovers.push_back(segment_name(first));
    if (std::exchange(listed.has_retained, false)) listed.leftovers.emplace_back(kRetainedFile);
    listed.leftovers.emplace_back(kImportingFile);
  }
  return listed;
}

class Loader {
 public:
  explicit Loader(LogFolder& folder) : folder_(folder), listed_(list(folder)) {}

  LoadedLog load() && {
    log_.leftovers = listed_.leftovers;
    if (listed_.has_retained) load_retained();
    // Segments that were to be removed: what they retained is in the file `retained`.
    auto segment = listed_.segments.begin();
    for (; segment + 1 < listed_.segments.end() && *(segment + 1) <= begin_; ++segment) {
      log_.leftovers.push_back(segment_name(*segment));
    }
    if (segment == listed_.segments.end()) {
      if (listed_.has_retained) throw StoreUnavailable("the file " + segment_name(begin_) + " is missing");
      return std::move(log_);
    }
    if (*segment != begin_) throw StoreUnavailable("the file " + segment_name(begin_) + " is missing");
    for (; segment != listed_.segments.end(); ++segment) load_segment(*segment, segment + 1 == listed_.segments.end());
    if (oldest_ > 1) log_.index.drop_through(oldest_ - 1);
    return std::move(log_);
  }

 private:
  void load_retained() {
    const std::string name(kRetainedFile);
    LogHead head;
    const std::string bytes = read_log_file(folder_, name, head);
    std::uint64_t left = head.previous;
    std::uint64_t before = 0;
    std::size_t offset = kLogHeadBytes;
    for (; left > 0; --left) {
      const auto group = LogGroup::decode(bytes, offset, head.key);
      const auto entries = group ? group->entries(bytes, head.key) : std::nullopt;
      const bool is_good = entries && entries->size() == 1 && group->first > before && group->first < head.first;
      if (!is_good) throw StoreUnavailable(damage_at(name, offset, "a retained event fails its integrity check"));
      before = group->first;
      log_.index.add_retained(entries->front().entry);
      offset += group->bytes;
    }
    begin_ = head.first;
    log_.epoch = head.epoch;
    log_.index.skip_to(head.first - 1);
  }

  void load_segment(std::uint64_t first, bool is_last) {
    const std::string name = segment_name(first);
    LogHead head;
    const std::string bytes = read_log_file(folder_, name, head);
    if (head.first != first) throw StoreUnavailable(damage_at(name, 0, "it has the name of another file"));
    if (!log_.epoch.empty() && head.epoch != log_.epoch) {
      throw StoreUnavailable("the file " + name + " belongs to another store");
    }
    if (log_.last_bytes != 0 && head.previous != log_.last.first) {
      throw StoreUnavailable("the file " + segment_name(head.previous) + " is missing");
    }
    if (first <= log_.index.head()) throw StoreUnavailable(damage_at(name, 0, "it begins within the file before it"));
    log_.epoch = head.epoch;
    log_.index.begin_segment(first, head.key);
    std::size_t offset = kLogHeadBytes;
    while (offset < bytes.size()) {
      const auto group = LogGroup::decode(bytes, offset, head.key);
      const auto entries = group ? group->entries(bytes, head.key) : std::nullopt;
      if (!entries) break;
      if (group->first <= log_.index.head() || !is_sequence(group->first + group->count)) {
        throw StoreUnavailable(damage_at(name, offset, "its entries are out of order"));
      }
      for (const StoredEntry& one : *entries) log_.index.add(one.entry, one.is_retained, one.offset);
      oldest_ = std::max(oldest_, group->oldest);
      offset += group->bytes;
      log_.index.set_segment_bytes(offset);
    }
    log_.index.set_segment_bytes(offset);
    log_.last = head;
    log_.last_bytes = offset;
    log_.torn_bytes = bytes.size() - offset;
    if (log_.torn_bytes == 0) return;
    // Only the last group can be one that nobody was told of; a file is on the disk before another one follows.
    if (!is_last || is_before_synced_group(bytes, offset, head.key)) {
      throw StoreUnavailable(damage_at(name, offset, "a group of events fails its integrity check"));
    }
  }

  LogFolder& folder_;
  Listed listed_;
  LoadedLog log_;
  std::uint64_t begin_ = 1;  // of the first segment
  std::uint64_t oldest_ = 1;
};

}  // namespace

std::string segment_name(std::uint64_t first) {
  const std::string digits = std::to_string(first);
  return std::string(kNameDigits - digits.size(), '0') + digits + std::string(kSegmentSuffix);
}

std::string damage_at(std::string_view name, std::size_t offset, std::string_view what) {
  return "the file " + std::string(name) + " is damaged at byte " + std::to_string(offset) + ": " + std::string(what) +
         "; restore a backup";
}

std::string read_log_file(LogFolder& folder, const std::string& name, LogHead& head) {
  const std::unique_ptr<LogFile> file = folder.open(name);
  std::string bytes = file->read(0, static_cast<std::size_t>(file->size()));
  switch (LogHead::decode(bytes, head)) {
    case LogHead::Result::kGood:
      if (is_sequence(head.first)) return bytes;
      break;
    case LogHead::Result::kNewer:
      throw StoreUnavailable("the file " + name + " was written by a newer Millrace; use that version, or newer");
    case LogHead::Result::kForeign:
      throw StoreUnavailable(damage_at(name, 0, "it does not begin as a file of a Millrace store"));
    case LogHead::Result::kDamaged:
      break;
  }
  throw StoreUnavailable(damage_at(name, 0, "its header fails its integrity check"));
}

LoadedLog load_log(LogFolder& folder) {
  return Loader(folder).load();
}

std::string encode_retained(LogHead head, const std::vector<LogEntry>& entries, std::uint64_t first) {
  head.first = first;
  head.previous = entries.size();
  std::string bytes = head.encode();
  for (const LogEntry& entry : entries) {
    GroupBuilder group(bytes, head.key, entry.sequence);
    group.add(entry, true);
    group.finish(first, 0);
  }
  return bytes;
}

std::size_t most_bytes_of_retained(std::size_t topics, std::size_t cost) {
  return kLogHeadBytes + topics * (kGroupHeadBytes + kRecordHeadBytes) + cost;
}

std::vector<std::string> find_damage(LogFolder& folder, std::size_t most) {
  std::vector<std::string> damage;
  const Listed listed = list(folder);
  std::vector<std::string> names;
  for (const std::uint64_t first : listed.segments) names.push_back(segment_name(first));
  for (const std::string& name : names) {
    if (damage.size() >= most) return damage;
    try {
      LogHead head;
      const std::string bytes = read_log_file(folder, name, head);
      std::size_t offset = kLogHeadBytes;
      while (offset < bytes.size()) {
        const auto group = LogGroup::decode(bytes, offset, head.key);
        if (!group || !group->entries(bytes, head.key)) break;
        offset += group->bytes;
      }
      const bool may_be_torn = name == names.back() && !is_before_synced_group(bytes, offset, head.key);
      if (offset < bytes.size() && !may_be_torn) {
        damage.push_back(damage_at(name, offset, "a group of events fails its integrity check"));
      }
    } catch (const StoreUnavailable& wrong) {
      damage.emplace_back(wrong.what());
    } catch (const FileError& wrong) {
      if (!wrong.is_missing()) damage.emplace_back(wrong.what());
    }
  }
  if (!damage.empty()) return damage;
  // What no file shows alone.
  try {
    load_log(folder);
  } catch (const StoreUnavailable& wrong) {
    damage.emplace_back(wrong.what());
  }
  return damage;
}

}  // namespace millrace
