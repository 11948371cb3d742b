#include "log_format.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace {

namespace {

constexpr std::string_view kMagic = "MillraceLog\n";
constexpr std::string_view kGroupMagic = "Grp\n";
constexpr SipKey kHeadKey{.first = 0x4d696c6c72616365, .second = 0x4c6f672048656164};
constexpr unsigned kKindBits = 3;
constexpr unsigned kRetained = 4;

// Times before and after 1970 that the system's clock can have, with room to calculate.
constexpr std::int64_t kMostMilliseconds =
    std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::duration::max() / 2).count();

template <typename Number>
void put(char* to, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) to[i] = static_cast<char>(number >> (8 * i));
}

template <typename Number>
void add(std::string& bytes, Number number) {
  bytes.resize(bytes.size() + sizeof(Number));
  put(bytes.data() + bytes.size() - sizeof(Number), number);
}

// The next number of `bytes`, which has it.
template <typename Number>
Number take_number(std::string_view& bytes) {
  Number number = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    number = static_cast<Number>(number | static_cast<Number>(static_cast<unsigned char>(bytes[i])) << (8 * i));
  }
  bytes.remove_prefix(sizeof(Number));
  return number;
}

std::string_view take_text(std::string_view& bytes, std::size_t size) {
  const std::string_view text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return text;
}

std::uint64_t digest_of(const SipKey& key, std::uint64_t number, std::string_view bytes) {
  return SipHash<1, 3>::hash({.first = key.first ^ number, .second = key.second}, bytes);
}

// Mixes the digest of a group's next record into those before it.
std::uint64_t mixed(std::uint64_t digests, std::uint64_t digest) {
  return digests * 0x9e3779b97f4a7c15 + digest;
}

}  // namespace

std::string LogHead::encode() const {
  std::string bytes(kMagic);
  add(bytes, kLogFormatVersion);
  for (const std::uint64_t number : {first, previous, boot, key.first, key.second}) add(bytes, number);
  bytes.append(1, static_cast<char>(epoch.size())).append(7, '\0');
  bytes.append(epoch).append(EventStore::kMaxEpochBytes - epoch.size(), '\0');
  add(bytes, digest_of(kHeadKey, 0, bytes));
  return bytes;
}

LogHead::Result LogHead::decode(std::string_view bytes, LogHead& head) {
  if (!bytes.starts_with(kMagic)) return Result::kForeign;
  if (bytes.size() < kLogHeadBytes) return Result::kDamaged;
  std::string_view rest = bytes.substr(kMagic.size(), kLogHeadBytes - kMagic.size());
  const auto version = take_number<std::uint32_t>(rest);
  if (version > kLogFormatVersion) return Result::kNewer;
  const std::uint64_t digest = digest_of(kHeadKey, 0, bytes.substr(0, kLogHeadBytes - 8));
  for (std::uint64_t* number : {&head.first, &head.previous, &head.boot, &head.key.first, &head.key.second}) {
    *number = take_number<std::uint64_t>(rest);
  }
  const std::size_t epoch_size = take_number<std::uint8_t>(rest);
  rest.remove_prefix(7);
  if (epoch_size == 0 || epoch_size > EventStore::kMaxEpochBytes) return Result::kDamaged;
  head.epoch = rest.substr(0, epoch_size);
  rest.remove_prefix(EventStore::kMaxEpochBytes);
  return take_number<std::uint64_t>(rest) == digest && head.first > 0 ? Result::kGood : Result::kDamaged;
}

std::uint64_t encode_record(std::string& bytes, const SipKey& key, const LogEntry& entry, bool is_retained) {
  const std::size_t begin = bytes.size();
  bytes.resize(begin + kRecordHeadBytes);
  bytes.append(entry.topic.view());
  for (const OwnedTopic& further : entry.further_topics) bytes.append(1, '\n').append(further.view());
  const std::size_t topics = bytes.size() - begin - kRecordHeadBytes;
  bytes.append(entry.publisher_id).append(entry.publisher_key).append(entry.payload);
  const auto published = std::chrono::duration_cast<std::chrono::milliseconds>(entry.published.time_since_epoch());
  char* const head = bytes.data() + begin;
  put(head + 8, static_cast<std::uint64_t>(published.count()));
  put(head + 16, static_cast<std::uint32_t>(entry.payload.size()));
  put(head + 20, static_cast<std::uint16_t>(topics));
  put(head + 22, static_cast<std::uint16_t>(entry.publisher_id.size()));
  put(head + 24, static_cast<std::uint8_t>(static_cast<unsigned>(entry.kind) | (is_retained ? kRetained : 0)));
  put(head + 25, static_cast<std::uint8_t>(entry.publisher_key.size()));
  put(head + 26, std::uint16_t{0});
  const std::uint64_t digest = digest_of(key, entry.sequence, std::string_view(bytes).substr(begin + 8));
  put(head, digest);
  return digest;
}

std::optional<StoredEntry> decode_record(std::string_view& bytes, const SipKey& key, std::uint64_t sequence) {
  if (bytes.size() < kRecordHeadBytes) return std::nullopt;
  std::string_view rest = bytes;
  const auto digest = take_number<std::uint64_t>(rest);
  const auto published = static_cast<std::int64_t>(take_number<std::uint64_t>(rest));
  const std::size_t payload = take_number<std::uint32_t>(rest);
  const std::size_t topics = take_number<std::uint16_t>(rest);
  const std::size_t id = take_number<std::uint16_t>(rest);
  const unsigned kind = take_number<std::uint8_t>(rest);
  const std::size_t publisher = take_number<std::uint8_t>(rest);
  rest.remove_prefix(2);
  const std::size_t size = payload + topics + id + publisher;
  if (size > rest.size()) return std::nullopt;
  if (digest != digest_of(key, sequence, bytes.substr(8, kRecordHeadBytes - 8 + size))) return std::nullopt;
  if ((kind & kKindBits) > static_cast<unsigned>(Publication::Kind::kBegin)) return std::nullopt;
  if (published < -kMostMilliseconds || published > kMostMilliseconds) return std::nullopt;
  StoredEntry stored{
      .entry = {.sequence = sequence,
                .topic = Topic("-"),
                .kind = static_cast<Publication::Kind>(kind & kKindBits),
                .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(published))},
      .is_retained = (kind & kRetained) != 0};
  if (!stored.entry.set_topics(take_text(rest, topics))) return std::nullopt;
  stored.entry.publisher_id = take_text(rest, id);
  stored.entry.publisher_key = take_text(rest, publisher);
  stored.entry.payload = take_text(rest, payload);
  bytes.remove_prefix(kRecordHeadBytes + size);
  return stored;
}

std::size_t GroupBuilder::add(const LogEntry& entry, bool is_retained) {
  const std::size_t at = bytes_.size();
  digests_ = mixed(digests_, encode_record(bytes_, key_, entry, is_retained));
  ++count_;
  return at;
}

void GroupBuilder::finish(std::uint64_t oldest, std::uint64_t synced) {
  char* const head = bytes_.data() + begin_;
  std::copy(kGroupMagic.begin(), kGroupMagic.end(), head);
  put(head + 4, count_);
  put(head + 8, static_cast<std::uint32_t>(bytes_.size() - begin_ - kGroupHeadBytes));
  put(head + 12, std::uint32_t{0});
  put(head + 16, first_);
  put(head + 24, oldest);
  put(head + 32, synced);
  put(head + 40, digests_);
  put(head + 48, digest_of(key_, 0, std::string_view(head, kGroupHeadBytes - 8)));
}

std::optional<LogGroup> LogGroup::decode(std::string_view file, std::size_t offset, const SipKey& key) {
  const std::string_view bytes = file.substr(offset);
  if (bytes.size() < kGroupHeadBytes || !bytes.starts_with(kGroupMagic)) return std::nullopt;
  std::string_view rest = bytes.substr(kGroupMagic.size());
  LogGroup group;
  group.count = take_number<std::uint32_t>(rest);
  const std::size_t size = take_number<std::uint32_t>(rest);
  rest.remove_prefix(4);
  for (std::uint64_t* number : {&group.first, &group.oldest, &group.synced, &group.digests}) {
    *number = take_number<std::uint64_t>(rest);
  }
  const auto digest = take_number<std::uint64_t>(rest);
  // First, because without the key nobody can make the rest expensive.
  if (digest != digest_of(key, 0, bytes.substr(0, kGroupHeadBytes - 8))) return std::nullopt;
  if (size > rest.size() || group.count > size / kRecordHeadBytes || group.first == 0) return std::nullopt;
  if (group.first > std::numeric_limits<std::int64_t>::max() - std::uint64_t{group.count}) return std::nullopt;
  group.offset = offset;
  group.bytes = kGroupHeadBytes + size;
  return group;
}

std::optional<std::vector<StoredEntry>> LogGroup::entries(std::string_view file, const SipKey& key) const {
  std::string_view rest = file.substr(offset + kGroupHeadBytes, bytes - kGroupHeadBytes);
  std::vector<StoredEntry> entries;
  entries.reserve(count);
  std::uint64_t mix = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view record = rest;
    auto stored = decode_record(rest, key, first + i);
    if (!stored) return std::nullopt;
    stored->offset = static_cast<std::size_t>(record.data() - file.data());
    std::string_view head = record;
    mix = mixed(mix, take_number<std::uint64_t>(head));
    entries.push_back(std::move(*stored));
  }
  if (!rest.empty() || mix != digests) return std::nullopt;
  return entries;
}

bool is_before_synced_group(std::string_view file, std::size_t offset, const SipKey& key) {
  for (std::size_t at = file.find(kGroupMagic, offset + 1); at != std::string_view::npos;
       at = file.find(kGroupMagic, at + 1)) {
    const auto group = LogGroup::decode(file, at, key);
    if (group && group->synced > offset && group->entries(file, key)) return true;
  }
  return false;
}

}  // namespace millrace
