#include "subscriber_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/grow.h"

namespace millrace {

namespace {

// Subscribers checked per delivery: most may already have had everything.
constexpr std::size_t kVisitsEach = 16;

// The index of the group, which has no wildcards, among the groups of its topic number `topic`.
std::uint32_t& place_of(FilterGroup& group, std::size_t topic) {
  return topic == 0 ? group.first_place : group.further_places[topic - 1];
}

// The number of this topic among the group's sorted topics.
std::size_t index_of(const FilterGroup& group, std::string_view topic) {
  const auto& topics = group.filter->patterns();
  const auto found = std::lower_bound(topics.begin(), topics.end(), topic,
                                      [](const TopicPattern& one, std::string_view text) { return one.view() < text; });
  assert(found != topics.end() && found->view() == topic);
  return static_cast<std::size_t>(found - topics.begin());
}

}  // namespace

std::shared_ptr<const TopicFilter> SubscriberTable::shared(const std::shared_ptr<const TopicFilter>& filter) const {
  const auto found = groups_.find(filter->key());
  return found == groups_.end() ? filter : found->second->filter;
}

void SubscriberTable::add(Subscriber& subscriber) {
  FilterGroup& group = subscriber.interval() > Duration{0} ? at_intervals_ : group_of(subscriber);
  subscriber.group_ = &group;
  subscriber.index_ = static_cast<std::uint32_t>(group.members.size());
  make_room(group.members);
  group.members.push_back(&subscriber);
  ++size_;
}

void SubscriberTable::remove(Subscriber& subscriber) {
  FilterGroup& group = *subscriber.group_;
  assert(group.members[subscriber.index_] == &subscriber);
  // Moves the last member into the hole; during a round, the last one on the same side of `next`, so that the round
  // leaves out none.
  const auto move = [&group](std::size_t from, std::size_t to) {
    group.members[to] = group.members[from];
    group.members[to]->index_ = static_cast<std::uint32_t>(to);
  };
  std::size_t hole = subscriber.index_;
  if (hole < group.next) {
    move(--group.next, hole);
    hole = group.next;
  }
  // If all other members have been served, the hole is already at the end.
  if (hole + 1 < group.members.size()) move(group.members.size() - 1, hole);
  group.members.pop_back();
  subscriber.group_ = nullptr;
  --size_;
  if (group.members.empty() && &group != &at_intervals_) forget(group);
}

FilterGroup& SubscriberTable::group_of(const Subscriber& subscriber) {
  const auto [place, is_new] = groups_.try_emplace(subscriber.filter().key());
  if (!is_new) return *place->second;
  place->second = std::make_unique<FilterGroup>();
  FilterGroup& group = *place->second;
  group.filter = subscriber.shared_filter();
  const auto& patterns = group.filter->patterns();
  if (group.filter->is_literal()) {
    if (patterns.size() > 1) group.further_places = std::make_unique<std::uint32_t[]>(patterns.size() - 1);
    for (std::size_t i = 0; i < patterns.size(); ++i) list(group, i);
  } else {
    group.entries = std::vector<TopicTrie<FilterGroup>::Entry>(patterns.size());
    for (std::size_t i = 0; i < patterns.size(); ++i) by_pattern_.add(patterns[i], group, group.entries[i]);
  }
  return group;
}

void SubscriberTable::list(FilterGroup& group, std::size_t topic) {
  auto& groups = by_topic_[std::string(group.filter->patterns()[topic].view())];
  place_of(group, topic) = static_cast<std::uint32_t>(groups.size());
  groups.push_back(&group);
}

// Moves the last group into its place: a few steps, whatever the number of groups.
void SubscriberTable::unlist(FilterGroup& group, std::size_t topic) {
  const std::string_view name = group.filter->patterns()[topic].view();
  const auto listed = by_topic_.find(name);
  auto& groups = listed->second;
  const std::uint32_t place = place_of(group, topic);
  assert(groups[place] == &group);
  FilterGroup& last = *groups.back();
  groups[place] = &last;
  place_of(last, index_of(last, name)) = place;
  groups.pop_back();
  if (groups.empty()) by_topic_.erase(listed);
}

void SubscriberTable::forget(FilterGroup& group) {
  if (!group.batch.empty()) std::erase(waiting_, &group);
  drop(group, group.batch.frames().size());
  const auto filter = group.filter;
  if (filter->is_literal()) {
    for (std::size_t i = 0; i < filter->patterns().size(); ++i) unlist(group, i);
  } else {
    for (auto& entry : group.entries) by_pattern_.remove(entry);
  }
  groups_.erase(filter->key());
}

// Calls `found` for each group that the topic reaches, several times if several of its patterns match.
template <typename Found>
void SubscriberTable::for_each_group(Topic topic, const Found& found) const {
  if (const auto listed = by_topic_.find(topic.view()); listed != by_topic_.end()) {
    for (FilterGroup* group : listed->second) found(*group);
  }
  by_pattern_.match(topic, [&](FilterGroup& group) {
    found(group);
    return true;
  });
}

void SubscriberTable::post(std::span<const FramePtr> frames) {
  for (const FramePtr& frame : frames) {
    if (frame->further_topics == nullptr) {
      for_each_group(*frame->topic, [&](FilterGroup& group) {
        if (std::exchange(group.matched, frame->sequence) != frame->sequence) add_to_batch(frame, group);
      });
    } else {
      post_to_several(frame);
    }
    posted_ = frame->sequence;
  }
}

// Each group gets the event once, with those of its topics that the group has.
void SubscriberTable::post_to_several(const FramePtr& frame) {
  std::vector<FilterGroup*> groups;
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    for_each_group(frame->topic_at(i), [&](FilterGroup& group) {
      if (std::exchange(group.matched, frame->sequence) != frame->sequence) {
        group.reached = 0;
        groups.push_back(&group);
      }
      group.reached |= TopicSet{1} << i;
    });
  }
  std::map<TopicSet, FramePtr> parts;
  for (FilterGroup* group : groups) {
    FramePtr& part = parts[group->reached];
    if (part == nullptr) part = of_topics(frame, group->reached);
    add_to_batch(part, *group);
  }
}

void SubscriberTable::add_to_batch(const FramePtr& frame, FilterGroup& group) {
  if (group.batch.empty()) waiting_.push_back(&group);
  // A round that has not begun includes it.
  if (group.next == 0) ++group.of_round;
  group.batch.add(frame);
  ++batched_;
  batched_bytes_ += frame->bytes.size();
}

// Drops the group's first `count` frames.
void SubscriberTable::drop(FilterGroup& group, std::size_t count) {
  for (const FramePtr& frame : group.batch.frames().first(count)) batched_bytes_ -= frame->bytes.size();
  batched_ -= count;
  group.batch.drop(count);
}

void SubscriberTable::serve(std::size_t at_once, DeliveryWriter& writer) {
  collect(at_once);
  writer.write(deliveries_);
  for (const Delivery& delivery : deliveries_) delivery.subscriber->wrote(delivery.frames, delivery.written);
  deliveries_.clear();
  end_rounds(writer);
}

void SubscriberTable::collect(std::size_t at_once) {
  std::size_t visits = 0;
  while (!waiting_.empty()) {
    FilterGroup& group = *waiting_.front();
    while (group.next < group.members.size()) {
      if (deliveries_.size() == at_once || ++visits > kVisitsEach * at_once) return;
      Subscriber& subscriber = *group.members[group.next++];
      const auto frames = subscriber.due(group.batch.frames());
      if (frames.empty()) continue;
      deliveries_.push_back(
          {.subscriber = &subscriber, .frames = frames, .chunks = group.batch.chunks(frames, subscriber.form())});
    }
    waiting_.pop_front();
    ended_.push_back(&group);
  }
}

void SubscriberTable::end_rounds(DeliveryWriter& writer) {
  for (FilterGroup* group : ended_) {
    writer.on_served(*group->batch.frames().front());
    drop(*group, group->of_round);
    group->next = 0;
    group->of_round = group->batch.frames().size();
    if (!group->batch.empty()) waiting_.push_back(group);
  }
  ended_.clear();
}

std::uint64_t SubscriberTable::served(const Subscriber& subscriber) const {
  const Batch& batch = subscriber.group_->batch;
  return batch.empty() ? posted_ : batch.frames().front()->sequence - 1;
}

void SubscriberTable::for_each(const std::function<void(Subscriber&)>& visit) const {
  for (const auto& [key, group] : groups_) {
    for (Subscriber* subscriber : group->members) visit(*subscriber);
  }
  for (Subscriber* subscriber : at_intervals_.members) visit(*subscriber);
}

}  // namespace millrace
