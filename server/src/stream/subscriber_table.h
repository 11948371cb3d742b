// SubscriberTable: the subscribers of one event loop, grouped by filter.
//
// Subscribers with equal filters form a group. The table sorts new events into groups once: by a hash of the topic for
// filters without wildcards, by a tree of patterns for the others. Then it serves the groups' subscribers, some at a
// time: each gets all events waiting at its turn in one write, so under load more events go into one write. One thread.
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
  Batch batch;                // events that not all members have had
  std::size_t next = 0;       // index of a member: those before it have been served in this round
  std::size_t of_round = 0;   // frames in the batch when the round began: at its end all members have had them
  std::uint64_t matched = 0;  // sequence of the last event added to the batch
  std::vector<TopicTrie<FilterGroup>::Entry> entries;  // of the filter's patterns, if it has wildcards
  // If it has no wildcards: the group's index in by_topic_, for each topic. Most groups have one topic.
  std::uint32_t first_place = 0;
  TopicSet reached = 0;  // topics of that event that match, if it has several
  std::unique_ptr<std::uint32_t[]> further_places;
};

/// Events for one subscriber.
struct Delivery {
  Subscriber* subscriber;
  std::span<const FramePtr> frames;
  std::string_view
      chunks;  ///< the frames' bytes in one piece; empty if the subscriber has no chunks, or they are too large
  std::size_t written = 0;  ///< bytes that its outlet has taken
};

/// Writes deliveries to all outlets together, which costs less than one after the other.
class DeliveryWriter {
 public:
  /// Writes what fits without waiting, and sets `written`.
  virtual void write(std::span<Delivery> deliveries) = 0;
  /// All subscribers of a group have had the events of a batch, which begins with this one.
  virtual void on_served(const Frame& oldest) = 0;

 protected:
  ~DeliveryWriter() = default;
};

class SubscriberTable {
 public:
  /// The one filter object of all subscribers with an equal filter, so that ten thousand of them share it.
  std::shared_ptr<const TopicFilter> shared(const std::shared_ptr<const TopicFilter>& filter) const;

  /// Adds a subscriber, which the caller owns and must remove before destroying it. A subscriber with intervals gets no
  /// deliveries.
  void add(Subscriber& subscriber);
  void remove(Subscriber& subscriber);

  /// Takes new events, in order, for every matching subscriber.
  void post(std::span<const FramePtr> frames);

  /// Delivers the waiting events of up to `at_once` subscribers. Subscribers must not be added or removed meanwhile.
  void serve(std::size_t at_once, DeliveryWriter& writer);

  /// Whether serve() has more to deliver.
  bool has_more() const { return !waiting_.empty(); }

  /// The number of frames that wait for serve(), and their bytes, counted once per group.
  std::size_t batched() const { return batched_; }
  std::size_t batched_bytes() const { return batched_bytes_; }

  /// A sequence up to which serve() has served the subscriber.
  std::uint64_t served(const Subscriber& subscriber) const;

  std::size_t size() const { return size_; }
  void for_each(const std::function<void(Subscriber&)>& visit) const;

 private:
  FilterGroup& group_of(const Subscriber& subscriber);
  void list(FilterGroup& group, std::size_t topic);
  void unlist(FilterGroup& group, std::size_t topic);
  void forget(FilterGroup& group);
  template <typename Found>
  void for_each_group(Topic topic, const Found& found) const;
  void post_to_several(const FramePtr& frame);
  void add_to_batch(const FramePtr& frame, FilterGroup& group);
  void drop(FilterGroup& group, std::size_t count);
  void collect(std::size_t at_once);
  void end_rounds(DeliveryWriter& writer);

  // By the filter's key, whose text the group owns. for_each() visits them in this order, the same in every run.
  std::map<std::string_view, std::unique_ptr<FilterGroup>> groups_;
  StringMap<std::vector<FilterGroup*>> by_topic_;  // groups without wildcards
  TopicTrie<FilterGroup> by_pattern_;              // groups with wildcards
  FilterGroup at_intervals_;                       // all subscribers with intervals, whatever their filters
  std::deque<FilterGroup*> waiting_;               // groups with a batch, in order of their turns
  std::uint64_t posted_ = 0;                       // sequence of the last posted event
  std::size_t batched_ = 0;
  std::size_t batched_bytes_ = 0;
  std::size_t size_ = 0;
  // For the current serve()
  std::vector<Delivery> deliveries_;
  std::vector<FilterGroup*> ended_;  // groups whose round is over
};

}  // namespace millrace
