#include "file_index.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace {

namespace {

using Kind = Publication::Kind;

std::uint32_t second_of(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::uint32_t>::max()));
}

// What the allocator takes for a text that does not fit into its string.
std::size_t heap_bytes(std::string_view text) {
  constexpr std::size_t kInString = 15;
  return text.size() <= kInString ? 0 : (text.size() + 1 + sizeof(void*) + 15) / 16 * 16;
}

template <typename Texts>
std::size_t bytes_of(const Texts& texts) {
  return std::apply([](const auto&... text) { return (heap_bytes(text) + ...); }, texts);
}

}  // namespace

void TopicState::add(std::uint64_t sequence, Kind kind) {
  if (is_finished() && kind != Kind::kFinish) begun = sequence;
  newest = sequence;
  if (kind == Kind::kEvent) newest_event = sequence;
  if (kind == Kind::kFinish) last_finish = sequence;
  if (kind != Kind::kBegin) is_over = kind == Kind::kFinish;
}

std::size_t retained_cost(const LogEntry& entry) {
  return entry.payload.size() + entry.joined_topics().size() + entry.publisher_id.size() + entry.publisher_key.size();
}

// --- Adding ---------------------------------------------------------------------------------------------------------

void FileIndex::begin_segment(std::uint64_t first, const SipKey& key) {
  segments_.push_back({.first = first, .key = key});
  skip_to(first - 1);
}

void FileIndex::add(const LogEntry& entry, bool is_retained, std::size_t offset) {
  Segment& segment = segments_.back();
  const TopicNumber first = number_of(entry.topic.text());
  std::uint32_t what = first | static_cast<std::uint32_t>(entry.kind) << kKindShift;
  if (!entry.further_topics.empty()) {
    what |= kSeveral;
    std::vector<TopicNumber>& numbers = several_[entry.sequence];
    for (std::size_t i = 0; i < entry.topic_count(); ++i) numbers.push_back(number_of(entry.topic_at(i).text()));
  }
  const auto follows = [&](const Run& run) { return run.sequence + (segment.slots.size() - run.slot); };
  if (segment.runs.empty() || follows(segment.runs.back()) != entry.sequence) {
    segment.runs.push_back({entry.sequence, segment.slots.size()});
  }
  segment.slots.push_back(
      {.offset = static_cast<std::uint32_t>(offset), .what = what, .published = second_of(entry.published)});
  if (entries_ == 0) oldest_ = entry.sequence;
  ++entries_;
  head_ = entry.sequence;
  for (std::size_t i = 0; i < entry.topic_count(); ++i) {
    const TopicNumber number = i == 0 ? first : several_.at(entry.sequence)[i];
    ++(*topics_)[number].entries;
    add_to(number, entry, is_retained);
  }
}

void FileIndex::add_retained(const LogEntry& entry) {
  head_ = std::max(head_, entry.sequence);
  for (std::size_t i = 0; i < entry.topic_count(); ++i) add_to(number_of(entry.topic_at(i).text()), entry, true);
}

FileIndex::TopicNumber FileIndex::number_of(const std::string& topic) {
  if (const auto known = numbers_->find(topic)) return *known;
  const bool is_reused = !free_numbers_.empty();
  const TopicNumber number = is_reused ? free_numbers_.back() : static_cast<TopicNumber>(topics_->size());
  if (number > kTopicMask) throw StoreUnavailable("it has 536870912 topics, the most that it can have");
  if (!is_reused) topics_->emplace_back();
  (*topics_)[number].name = OwnedTopic::parse(topic).value();
  numbers_->insert(number, topic);
  if (is_reused) free_numbers_.pop_back();
  name_bytes_ += heap_bytes(topic);
  return number;
}

void FileIndex::add_to(TopicNumber number, const LogEntry& entry, bool is_retained) {
  TopicLife& topic = (*topics_)[number];
  if (entry.kind != Kind::kBegin && topic.state.retained != 0) {
    release(topic);
    topic.state.retained = 0;
    topic.state.retained_cost = 0;
  }
  topic.state.add(entry.sequence, entry.kind);
  if (entry.kind == Kind::kFinish) finishes_.emplace(number, entry.sequence);
  if (entry.kind != Kind::kEvent) return;
  if (!entry.publisher_id.empty()) hold(entry, topic.name.text());
  if (!is_retained) return;
  Retained& retained = retained_.try_emplace(entry.sequence, Retained{.entry = entry}).first->second;
  ++retained.topics;
  topic.state.retained = entry.sequence;
  topic.state.retained_cost = retained_cost(entry);
  ++retained_topics_;
  retained_bytes_ += topic.state.retained_cost;
}

void FileIndex::hold(const LogEntry& entry, const std::string& topic) {
  const auto [holder, is_new] =
      holders_.insert_or_assign({entry.publisher_id, topic, entry.publisher_key}, entry.sequence);
  if (is_new) holder_bytes_ += bytes_of(holder->first);
  // A retained event without a file is dropped already.
  if (entries_ > 0) held_.emplace_back(entry.sequence, holder);
}

// The topic no longer retains its event.
void FileIndex::release(const TopicLife& topic) {
  const auto retained = retained_.find(topic.state.retained);
  const LogEntry& entry = retained->second.entry;
  if (entry.sequence < oldest() && !entry.publisher_id.empty()) {
    const auto holder = holders_.find(HolderView{entry.publisher_id, topic.name.view(), entry.publisher_key});
    if (holder != holders_.end() && holder->second == entry.sequence) erase(holder);
  }
  --retained_topics_;
  retained_bytes_ -= topic.state.retained_cost;
  if (--retained->second.topics == 0) retained_.erase(retained);
}

// --- Dropping -------------------------------------------------------------------------------------------------------

void FileIndex::drop_through(std::uint64_t sequence) {
  if (entries_ == 0 || sequence < oldest_) return;
  std::uint64_t next = 0;
  visit_from(oldest_, head_, [&](const Visited& visited) {
    if (visited.sequence > sequence) {
      next = visited.sequence;
      return false;
    }
    const Slot& slot = visited.segment.slots[visited.slot];
    drop_holders(visited.sequence);
    for (const TopicNumber number : topics_of(slot, visited.sequence)) drop_from(number, visited.sequence);
    if ((slot.what & kSeveral) != 0) several_.erase(visited.sequence);
    --entries_;
    return true;
  });
  oldest_ = next;
}

void FileIndex::drop_from(TopicNumber number, std::uint64_t sequence) {
  finishes_.erase({number, sequence});
  --(*topics_)[number].entries;
  forget_if_empty(number);
}

void FileIndex::forget_if_empty(TopicNumber number) {
  TopicLife& topic = (*topics_)[number];
  if (topic.entries > 0 || topic.state.retained != 0) return;
  free_numbers_.push_back(number);
  numbers_->erase(number, topic.name.view());
  name_bytes_ -= heap_bytes(topic.name.view());
  topic = {};
}

void FileIndex::drop_holders(std::uint64_t sequence) {
  for (; !held_.empty() && held_.front().first == sequence; held_.pop_front()) {
    const auto holder = held_.front().second;
    const TopicState* topic = state_of(std::get<1>(holder->first));
    const bool is_retained = topic != nullptr && topic->retained == sequence;
    if (holder->second == sequence && !is_retained) erase(holder);
  }
}

void FileIndex::erase(Holders::iterator holder) {
  holder_bytes_ -= bytes_of(holder->first);
  holders_.erase(holder);
}

void FileIndex::skip_to(std::uint64_t head) {
  head_ = std::max(head_, head);
}

// --- Looking --------------------------------------------------------------------------------------------------------

FileIndex::Location FileIndex::location(const Visited& visited) {
  const auto& slots = visited.segment.slots;
  const std::size_t offset = slots[visited.slot].offset;
  const std::size_t end = visited.slot + 1 < slots.size() ? slots[visited.slot + 1].offset
                                                          : static_cast<std::size_t>(visited.segment.bytes);
  return {.sequence = visited.sequence,
          .segment = visited.segment.first,
          .offset = offset,
          .bytes = end - offset,
          .key = visited.segment.key};
}

std::uint64_t FileIndex::last_before(std::int64_t second, std::uint64_t most) const {
  std::uint64_t last = 0;
  if (entries_ == 0 || most == 0) return last;
  visit_from(oldest_, head_, [&](const Visited& visited) {
    if (visited.segment.slots[visited.slot].published < second) last = visited.sequence;
    return --most > 0;
  });
  return last;
}

std::uint64_t FileIndex::oldest_but(std::uint64_t count) const {
  std::uint64_t one = 0;
  visit_from(oldest_, head_, [&](const Visited& visited) {
    one = visited.sequence;
    return count-- > 0;
  });
  return one;
}

std::uint64_t FileIndex::bytes() const {
  std::uint64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.bytes;
  return bytes;
}

// The nodes of the containers, as a 64-bit allocator has them.
std::size_t FileIndex::memory() const {
  constexpr std::size_t kTopic = sizeof(TopicLife) + 48;
  constexpr std::size_t kHolder = sizeof(HolderKey) + 48 + sizeof(held_.front()) + 8;
  constexpr std::size_t kFinish = 64;
  constexpr std::size_t kSeveralTopics = 160;
  constexpr std::size_t kEntry = sizeof(Slot) * 3 / 2;  // vectors grow by half of what they hold, on average
  return static_cast<std::size_t>(entries_) * kEntry + numbers_->size() * kTopic + name_bytes_ +
         holders_.size() * kHolder + holder_bytes_ + finishes_.size() * kFinish + several_.size() * kSeveralTopics;
}

std::vector<FileIndex::TopicNumber> FileIndex::topics_of(const Slot& slot, std::uint64_t sequence) const {
  if ((slot.what & kSeveral) != 0) return several_.at(sequence);
  return {slot.what & kTopicMask};
}

const FileIndex::TopicLife* FileIndex::life_of(std::string_view topic) const {
  const auto found = numbers_->find(topic);
  return found ? &(*topics_)[*found] : nullptr;
}

const TopicState* FileIndex::state_of(std::string_view topic) const {
  const TopicLife* life = life_of(topic);
  return life == nullptr ? nullptr : &life->state;
}

std::optional<std::uint64_t> FileIndex::holder(std::string_view id, std::string_view topic,
                                               std::string_view key) const {
  const auto found = holders_.find(HolderView{id, topic, key});
  return found == holders_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace millrace
