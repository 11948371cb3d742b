// SubscriberTable: the subscribers of one event loop, by what they listen to.
//
// Subscribers with equal filters form a group. New events are sorted into groups once, by a hash of the topic for
// filters without wildcards and by a tree of patterns for the others. Then the table serves the groups' subscribers,
// some at a time: each gets everything that is there when its turn comes, in one write. The more there is to do, the
// more goes into one write. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.h"
#include "batch.h"
#include "log/frame.h"
#include "log/topic_trie.h"
#include "millrace/server/topic_filter.h"
#include "subscriber.h"

namespace millrace {

/// Subscribers with equal filters.
struct FilterGroup {
  std::shared_ptr<const TopicFilter> filter;
  std::vector<Subscriber*> members;
  Batch batch;                // what not all of them have had
  std::size_t next = 0;       // among the members: those before have been served in this round
  std::size_t of_round = 0;   // frames that were in the batch when the round began: all have had them when it ends
  std::uint64_t matched = 0;  // sequence of the last event that was put into the batch
  std::vector<TopicTrie<FilterGroup>::Entry> entries;  // of the filter's patterns, where it has wildcards
  // Where it has none: the group's place among those of each of its topics, of which most groups have one.
  std::uint32_t first_place = 0;
  std::unique_ptr<std::uint32_t[]> further_places;
};

/// Events for one subscriber.
struct Delivery {
  Subscriber* subscriber;
  std::span<const FramePtr> frames;
  std::string_view chunks;  ///< their bytes in one piece; empty if the subscriber has no chunks, or they are too large
  std::size_t written = 0;  ///< bytes that its output has taken
};

/// Where deliveries are written: to all outputs together, which costs less than to one after the other.
class DeliveryWriter {
 public:
  /// Writes what fits without waiting, and sets `written`.
  virtual void write(std::span<Delivery> deliveries) = 0;
  /// All subscribers of a group have had the event that was published then, and those after it so far.
  virtual void on_served(TimePoint published) = 0;

 protected:
  ~DeliveryWriter() = default;
};

class SubscriberTable {
 public:
  /// The one object for all subscribers with this filter, so that ten thousand of them share it.
  std::shared_ptr<const TopicFilter> shared(const std::shared_ptr<const TopicFilter>& filter) const;

  /// The subscriber stays the caller's and must be removed before it goes. One that reads at intervals is handed
  /// nothing.
  void add(Subscriber& subscriber);
  void remove(Subscriber& subscriber);

  /// Takes new events, in order, for every subscriber they match.
  void post(std::span<const FramePtr> frames);

  /// Hands to some subscribers, at most `at_once`, what is there for them. Subscribers must not be added or removed
  /// meanwhile.
  void serve(std::size_t at_once, DeliveryWriter& writer);

  /// Whether there is more to serve().
  bool has_more() const { return !waiting_.empty(); }

  /// Frames that wait for that, and their bytes, each once for every group.
  std::size_t batched() const { return batched_; }
  std::size_t batched_bytes() const { return batched_bytes_; }

  /// A sequence up to which the subscriber has been through serve().
  std::uint64_t served(const Subscriber& subscriber) const;

  std::size_t size() const { return size_; }
  void for_each(const std::function<void(Subscriber&)>& visit) const;

 private:
  FilterGroup& group_of(const Subscriber& subscriber);
  void list(FilterGroup& group, std::size_t topic);
  void unlist(FilterGroup& group, std::size_t topic);
  void forget(FilterGroup& group);
  void add_to_batch(const FramePtr& frame, FilterGroup& group);
  void drop(FilterGroup& group, std::size_t count);
  void collect(std::size_t at_once);
  void end_rounds(DeliveryWriter& writer);

  // By the filter's key, whose text is the group's. In one order in every run, in which for_each() visits them.
  std::map<std::string_view, std::unique_ptr<FilterGroup>> groups_;
  StringMap<std::vector<FilterGroup*>> by_topic_;  // those without wildcards
  TopicTrie<FilterGroup> by_pattern_;              // the others
  FilterGroup at_intervals_;                       // those that read at intervals, whatever they listen to
  std::deque<FilterGroup*> waiting_;               // groups with a batch, in turn
  std::uint64_t posted_ = 0;                       // sequence of the last event that was posted
  std::size_t batched_ = 0;
  std::size_t batched_bytes_ = 0;
  std::size_t size_ = 0;
  // Of the serve() under way
  std::vector<Delivery> deliveries_;
  std::vector<FilterGroup*> ended_;  // groups whose round is over
};

}  // namespace millrace
