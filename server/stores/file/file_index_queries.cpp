// FileIndex: what it answers to readers.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "file_index.h"
#include "log/id_holders.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;

// Slots passed for one page, and how many of them an event of several topics counts for: a page holds up publishers for
// well under a millisecond.
constexpr std::size_t kSlotsPerPage = 256 * 1'024;
constexpr std::size_t kSlotsForSeveral = 64;

}  // namespace

std::optional<std::uint64_t> FileIndex::find(std::string_view publisher_id, const TopicFilter& filter) const {
  if (publisher_id.empty()) return std::nullopt;
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    const auto found = holders_.lower_bound(HolderView{publisher_id, topic, publisher});
    if (found == holders_.end() || std::get<0>(found->first) != publisher_id) return std::nullopt;
    return IdHolder{.topic = OwnedTopic::parse(std::get<1>(found->first)).value(),
                    .publisher = std::get<2>(found->first),
                    .sequence = found->second};
  });
}

std::optional<std::uint64_t> FileIndex::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t last = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto number = numbers_->find(pattern.view());
    if (!number) return std::nullopt;
    const auto first = finishes_.lower_bound({*number, seen});
    const bool is_found = first != finishes_.end() && first->first == *number;
    if (filter.patterns().size() == 1 && is_found) return first->second;
    const TopicState& state = (*topics_)[*number].state;
    if (!state.is_finished()) return std::nullopt;
    last = std::max(last, state.newest);
  }
  return last;
}

// Tells cheaply which entries a filter without wildcards cannot want.
class FileIndex::Wanted {
 public:
  Wanted(const FileIndex& index, const TopicFilter& filter) : index_(index), is_literal_(filter.is_literal()) {
    if (!is_literal_) return;
    for (const TopicPattern& pattern : filter.patterns()) {
      if (const auto number = index.numbers_->find(pattern.view())) numbers_.push_back(*number);
    }
    std::sort(numbers_.begin(), numbers_.end());
    for (const TopicNumber number : numbers_) bits_ |= bit(number);
  }
  bool is_nothing() const { return is_literal_ && numbers_.empty(); }
  bool may_have(const Slot& slot, std::uint64_t sequence) const {
    if (!is_literal_) return true;
    if ((slot.what & kSeveral) == 0) return has(slot.what & kTopicMask);
    const auto& numbers = index_.several_.at(sequence);
    return std::any_of(numbers.begin(), numbers.end(), [&](TopicNumber number) { return has(number); });
  }

 private:
  static std::uint64_t bit(TopicNumber number) { return std::uint64_t{1} << (number % 64); }
  bool has(TopicNumber number) const {
    return (bits_ & bit(number)) != 0 && std::binary_search(numbers_.begin(), numbers_.end(), number);
  }

  const FileIndex& index_;
  const bool is_literal_;
  std::vector<TopicNumber> numbers_;
  std::uint64_t bits_ = 0;
};

FileIndex::Plan FileIndex::read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) const {
  Plan plan{.through = std::max(head, sequence), .oldest = oldest()};
  const Wanted wanted(*this, filter);
  if (entries_ == 0 || sequence >= head || wanted.is_nothing()) return plan;
  PageScan scan(filter, sequence);
  std::size_t slots = 0;
  visit_from(std::max(sequence + 1, oldest_), head, [&](const Visited& visited) {
    const Slot& slot = visited.segment.slots[visited.slot];
    slots += (slot.what & kSeveral) != 0 ? kSlotsForSeveral : 1;
    if (wanted.may_have(slot, visited.sequence)) {
      const auto numbers = topics_of(slot, visited.sequence);
      const bool is_wanted = std::any_of(numbers.begin(), numbers.end(), [&](TopicNumber number) {
        return scan.wants(visited.sequence, (*topics_)[number].name);
      });
      if (is_wanted) {
        plan.locations.push_back(location(visited));
        scan.add(plan.locations.back().bytes);
      }
    }
    if (!scan.is_full() && slots < kSlotsPerPage) return true;
    plan.through = visited.sequence;
    return false;
  });
  return plan;
}

FileIndex::Plan FileIndex::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                       EventStore::Topics topics) const {
  Plan plan{.through = std::max(until, sequence), .oldest = oldest()};
  const Wanted wanted(*this, filter);
  if (sequence >= until || wanted.is_nothing()) return plan;
  PageScan scan(filter, sequence);
  const auto add_if_newest = [&](std::vector<OwnedTopic>& found, const TopicLife& topic, std::uint64_t one) {
    const bool is_over = topics == EventStore::Topics::kGoingOn && topic.state.is_over;
    if (topic.state.newest_event != one || is_over) return;
    if (scan.wants(one, topic.name)) found.push_back(topic.name);
  };
  for (auto one = retained_.upper_bound(sequence); one != retained_.end() && one->first <= until; ++one) {
    if (one->first >= oldest()) break;
    std::vector<OwnedTopic> found;
    LogEntry entry = one->second.entry;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) {
      const TopicLife* topic = life_of(entry.topic_at(i).view());
      if (topic != nullptr) add_if_newest(found, *topic, one->first);
    }
    if (!found.empty()) {
      scan.add(entry.payload.size());
      entry.topic = std::move(found.front());
      entry.further_topics.assign(std::make_move_iterator(found.begin() + 1), std::make_move_iterator(found.end()));
      plan.from_memory.push_back(std::move(entry));
    }
    if (!scan.is_full()) continue;
    plan.through = one->first;
    return plan;
  }
  if (entries_ == 0) return plan;
  std::size_t slots = 0;
  visit_from(std::max(sequence + 1, oldest_), until, [&](const Visited& visited) {
    const Slot& slot = visited.segment.slots[visited.slot];
    slots += (slot.what & kSeveral) != 0 ? kSlotsForSeveral : 1;
    if (slot.what >> kKindShift == static_cast<std::uint32_t>(Kind::kEvent) &&
        wanted.may_have(slot, visited.sequence)) {
      std::vector<OwnedTopic> found;
      const auto numbers = topics_of(slot, visited.sequence);
      for (const TopicNumber number : numbers) add_if_newest(found, (*topics_)[number], visited.sequence);
      if (!found.empty()) {
        plan.locations.push_back(location(visited));
        scan.add(plan.locations.back().bytes);
        if (found.size() < numbers.size()) plan.topics.emplace(visited.sequence, std::move(found));
      }
    }
    if (!scan.is_full() && slots < kSlotsPerPage) return true;
    plan.through = visited.sequence;
    return false;
  });
  return plan;
}

std::uint64_t FileIndex::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t next = std::max(oldest(), sequence == most ? most : sequence + 1);
  PageScan scan(filter, sequence);
  for (auto one = retained_.upper_bound(sequence); one != retained_.end() && one->first < next; ++one) {
    const LogEntry& entry = one->second.entry;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) {
      const TopicState* topic = state_of(entry.topic_at(i).view());
      const bool is_retained = topic != nullptr && topic->retained == one->first;
      if (is_retained && scan.wants(one->first, entry.topic_at(i))) return one->first;
    }
    if (scan.is_full()) return one->first;
  }
  return next;
}

std::vector<LogEntry> FileIndex::retained_before(std::uint64_t sequence) const {
  std::vector<LogEntry> entries;
  for (const auto& [one, retained] : retained_) {
    if (one >= sequence) break;
    std::vector<OwnedTopic> topics;
    for (std::size_t i = 0; i < retained.entry.topic_count(); ++i) {
      const TopicState* topic = state_of(retained.entry.topic_at(i).view());
      if (topic != nullptr && topic->retained == one) topics.push_back(retained.entry.topic_at(i));
    }
    entries.push_back(retained.entry);
    entries.back().topic = std::move(topics.front());
    entries.back().further_topics.assign(std::make_move_iterator(topics.begin() + 1),
                                         std::make_move_iterator(topics.end()));
  }
  return entries;
}

}  // namespace millrace
