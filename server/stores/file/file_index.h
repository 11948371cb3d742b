// FileIndex: finds the entries of a store in files. In memory, made anew from the files at each start.
//
// It holds 12 to 24 bytes for each entry, about 200 for each topic and for each event with a publisher's ID, and
// the retained events themselves, which StoreBounds bound. It does not look at files. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "log_format.h"
#include "millrace/server/event_store.h"
#include "topic_numbers.h"

namespace millrace {

/// A topic's state. Sequences are 0 without one.
struct TopicState {
  std::uint64_t newest = 0;        ///< its newest entry
  std::uint64_t newest_event = 0;  ///< its newest event
  std::uint64_t last_finish = 0;
  std::uint64_t begun = 0;  ///< the entry with which it began again
  bool is_over = false;     ///< no event since its last finish
  std::uint64_t retained = 0;
  std::size_t retained_cost = 0;  ///< bytes that count against StoreBounds

  bool is_finished() const { return last_finish != 0 && last_finish == newest; }
  /// The state after a further entry.
  void add(std::uint64_t sequence, Publication::Kind kind);
};

/// What an event costs of StoreBounds::retained_bytes.
std::size_t retained_cost(const LogEntry& entry);

class FileIndex {
 public:
  /// Where an entry is.
  struct Location {
    std::uint64_t sequence = 0;
    std::uint64_t segment = 0;  ///< `first` of its file
    std::size_t offset = 0;
    std::size_t bytes = 0;  ///< from the offset on; has the record, and perhaps the head of the next group
    SipKey key{};           ///< of the file
  };
  /// A page without what must be read from files.
  struct Plan {
    std::vector<Location> locations = {};    ///< in order
    std::vector<LogEntry> from_memory = {};  ///< retained events, before all locations
    /// For read_newest(): the topics of each location, if not all of the entry's count.
    std::map<std::uint64_t, std::vector<OwnedTopic>> topics = {};
    std::uint64_t through = 0;
    std::uint64_t oldest = 0;
  };

  /// A file, empty as yet. Its entries follow.
  void begin_segment(std::uint64_t first, const SipKey& key);
  /// The next entry of the last file.
  void add(const LogEntry& entry, bool is_retained, std::size_t offset);
  /// How much of the last file is used, to the end of its last entry.
  void set_segment_bytes(std::uint64_t bytes) { segments_.back().bytes = bytes; }
  /// A retained event without a file, before all that have one.
  void add_retained(const LogEntry& entry);

  /// Drops the entries up to this sequence.
  void drop_through(std::uint64_t sequence);
  /// The first file goes: all of its entries have been dropped.
  void remove_first_segment() { segments_.pop_front(); }
  /// Sequences up to this one count as used.
  void skip_to(std::uint64_t head);

  std::uint64_t head() const { return head_; }
  std::uint64_t oldest() const { return entries_ == 0 ? head_ + 1 : oldest_; }
  std::uint64_t entries() const { return entries_; }
  std::uint64_t bytes() const;
  /// Bytes of memory that it holds, without the retained events: an estimate.
  std::size_t memory() const;
  std::size_t retained_topics() const { return retained_topics_; }
  std::size_t retained_bytes() const { return retained_bytes_; }
  std::size_t segments() const { return segments_.size(); }
  /// `first` of a file; of the second one, which must exist.
  std::uint64_t segment_first(std::size_t segment) const { return segments_[segment].first; }
  std::uint64_t second_segment() const { return segments_[1].first; }
  /// Whether another file follows this one, and all of its entries have been dropped.
  bool is_segment_old(std::size_t segment) const {
    return segment + 1 < segments_.size() && segments_[segment + 1].first <= oldest();
  }
  std::uint64_t last_segment_entries() const { return segments_.back().slots.size(); }
  /// The retained events before this sequence, each with the topics that retain it.
  std::vector<LogEntry> retained_before(std::uint64_t sequence) const;
  /// Of the oldest entries, at most `most`: the last one that was published before this second; 0 if none was.
  std::uint64_t last_before(std::int64_t second, std::uint64_t most) const;
  /// Sequence of the entry that has `count` entries before it, counted from the oldest. There must be more than
  /// `count`.
  std::uint64_t oldest_but(std::uint64_t count) const;

  const TopicState* state_of(std::string_view topic) const;
  /// The publisher's newest event with this ID in the topic.
  std::optional<std::uint64_t> holder(std::string_view id, std::string_view topic, std::string_view key) const;
  bool has_ids() const { return !holders_.empty(); }

  // As EventStore has them, for entries up to `head`.
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const;
  Plan read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) const;
  Plan read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   EventStore::Topics topics) const;
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const;

 private:
  using TopicNumber = std::uint32_t;
  // ID, topic, publisher's key.
  using HolderKey = std::tuple<std::string, std::string, std::string>;
  using HolderView = std::tuple<std::string_view, std::string_view, std::string_view>;
  struct HolderLess {
    using is_transparent = void;
    static HolderView view(const HolderKey& key) { return {std::get<0>(key), std::get<1>(key), std::get<2>(key)}; }
    static const HolderView& view(const HolderView& key) { return key; }
    template <typename One, typename Other>
    bool operator()(const One& one, const Other& other) const {
      return view(one) < view(other);
    }
  };
  using Holders = std::map<HolderKey, std::uint64_t, HolderLess>;

  struct Slot {
    std::uint32_t offset;
    std::uint32_t what;       // topic's number, and flags
    std::uint32_t published;  // in seconds since 1970
  };
  // Slots from here on belong to sequences without a gap.
  struct Run {
    std::uint64_t sequence;
    std::size_t slot;
  };
  struct Segment {
    std::uint64_t first = 0;
    SipKey key{};
    std::uint64_t bytes = 0;
    std::vector<Slot> slots = {};
    std::vector<Run> runs = {};
  };
  struct TopicLife {
    OwnedTopic name = Topic("-");
    std::uint64_t entries = 0;  // not dropped
    TopicState state = {};
  };
  // A deque, because to move very many topics would hold publishers up.
  using TopicLives = std::deque<TopicLife>;
  struct Retained {
    LogEntry entry;
    std::size_t topics = 0;  // that retain it
  };
  // An entry while all of them are passed in order.
  struct Visited {
    const Segment& segment;
    std::size_t slot;
    std::uint64_t sequence;
  };
  class Wanted;

  // Slot::what: the kind, whether the event has several topics, and the number of its first topic.
  static constexpr unsigned kKindShift = 30;
  static constexpr std::uint32_t kSeveral = 1U << 29;
  static constexpr std::uint32_t kTopicMask = kSeveral - 1;

  template <typename Visit>
  void visit_from(std::uint64_t sequence, std::uint64_t through, const Visit& visit) const;
  TopicNumber number_of(const std::string& topic);
  void add_to(TopicNumber number, const LogEntry& entry, bool is_retained);
  void hold(const LogEntry& entry, const std::string& topic);
  void release(const TopicLife& topic);
  void drop_from(TopicNumber number, std::uint64_t sequence);
  void forget_if_empty(TopicNumber number);
  void drop_holders(std::uint64_t sequence);
  void erase(Holders::iterator holder);
  static Location location(const Visited& visited);
  std::vector<TopicNumber> topics_of(const Slot& slot, std::uint64_t sequence) const;
  const TopicLife* life_of(std::string_view topic) const;

  std::deque<Segment> segments_;
  std::uint64_t head_ = 0;
  std::uint64_t oldest_ = 0;  // while there are entries
  std::uint64_t entries_ = 0;
  std::unique_ptr<TopicLives> topics_ = std::make_unique<TopicLives>();  // at an address that stays
  std::unique_ptr<TopicNumbers<TopicLives>> numbers_ = std::make_unique<TopicNumbers<TopicLives>>(*topics_);
  std::vector<TopicNumber> free_numbers_;
  std::size_t name_bytes_ = 0;                                 // of topics with a number, beyond the strings themselves
  std::map<std::uint64_t, std::vector<TopicNumber>> several_;  // of events of several topics
  std::set<std::pair<TopicNumber, std::uint64_t>> finishes_;
  Holders holders_;
  std::size_t holder_bytes_ = 0;                                  // of their texts, likewise
  std::deque<std::pair<std::uint64_t, Holders::iterator>> held_;  // in the order of the log
  std::map<std::uint64_t, Retained> retained_;
  std::size_t retained_topics_ = 0;
  std::size_t retained_bytes_ = 0;
};

// Calls `visit` with each entry from `sequence` on, up to `through`, until it returns false.
template <typename Visit>
void FileIndex::visit_from(std::uint64_t sequence, std::uint64_t through, const Visit& visit) const {
  const auto after = [](std::uint64_t wanted, const auto& one) { return wanted < one.first; };
  auto segment = std::upper_bound(segments_.begin(), segments_.end(), sequence, after);
  if (segment != segments_.begin()) --segment;
  for (; segment != segments_.end(); ++segment) {
    const auto& runs = segment->runs;
    const auto later = [](std::uint64_t wanted, const Run& run) { return wanted < run.sequence; };
    auto run = std::upper_bound(runs.begin(), runs.end(), sequence, later);
    if (run != runs.begin()) --run;
    for (; run != runs.end(); ++run) {
      const std::size_t end = run + 1 == runs.end() ? segment->slots.size() : (run + 1)->slot;
      std::size_t slot = run->slot;
      if (sequence > run->sequence)
        slot += static_cast<std::size_t>(std::min<std::uint64_t>(sequence - run->sequence, end - slot));
      for (; slot < end; ++slot) {
        const std::uint64_t one = run->sequence + (slot - run->slot);
        if (one > through || !visit(Visited{*segment, slot, one})) return;
      }
    }
  }
}

}  // namespace millrace
