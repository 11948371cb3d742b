// SubscriberTable: the subscribers of one event loop, by what they listen to.
//
// Subscribers with equal filters form a group. A batch of events is sorted into groups once, and each subscriber then
// gets all of its events in one write. One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../string_map.h"
#include "frame.h"
#include "subscriber.h"
#include "topic_filter.h"

namespace millrace {

/// Subscribers with equal filters.
struct Group {
  std::shared_ptr<const TopicFilter> filter;
  std::vector<Subscriber*> members;
  std::vector<FramePtr> batch;  // of the delivery under way
};

class SubscriberTable {
 public:
  /// The one object for all subscribers with this filter, so that ten thousand of them share it.
  std::shared_ptr<const TopicFilter> shared(const std::shared_ptr<const TopicFilter>& filter) const;

  /// The subscriber stays the caller's and must be removed before it goes.
  void add(Subscriber& subscriber);
  void remove(Subscriber& subscriber);

  /// Hands the frames, which are in order, to every subscriber they match. Subscribers must not be removed meanwhile.
  void deliver(const std::vector<FramePtr>& frames);

  std::size_t size() const { return size_; }
  void for_each(const std::function<void(Subscriber&)>& visit) const;

 private:
  Group& group_of(const Subscriber& subscriber);
  void forget(Group& group);
  void add_to_batch(const FramePtr& frame, Group& group);

  StringMap<std::unique_ptr<Group>> groups_;  // by the filter's key
  StringMap<std::vector<Group*>> by_topic_;   // those without wildcards
  std::vector<Group*> with_wildcards_;
  std::vector<Group*> touched_;  // of the delivery under way
  std::size_t size_ = 0;
};

}  // namespace millrace
