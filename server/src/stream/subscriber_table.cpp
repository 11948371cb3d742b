#include "subscriber_table.h"

namespace millrace {

std::shared_ptr<const TopicFilter> SubscriberTable::shared(const std::shared_ptr<const TopicFilter>& filter) const {
  const auto found = groups_.find(filter->key());
  return found == groups_.end() ? filter : found->second->filter;
}

void SubscriberTable::add(Subscriber& subscriber) {
  Group& group = group_of(subscriber);
  subscriber.group_ = &group;
  subscriber.index_ = group.members.size();
  group.members.push_back(&subscriber);
  ++size_;
}

void SubscriberTable::remove(Subscriber& subscriber) {
  Group& group = *subscriber.group_;
  Subscriber* const last = group.members.back();
  group.members[subscriber.index_] = last;
  last->index_ = subscriber.index_;
  group.members.pop_back();
  subscriber.group_ = nullptr;
  --size_;
  if (group.members.empty()) forget(group);
}

Group& SubscriberTable::group_of(const Subscriber& subscriber) {
  const auto [place, is_new] = groups_.try_emplace(subscriber.filter().key());
  if (is_new) {
    place->second = std::make_unique<Group>();
    Group& group = *place->second;
    group.filter = subscriber.subscription_.filter;
    if (group.filter->is_literal()) {
      for (const std::string& topic : group.filter->patterns()) by_topic_[topic].push_back(&group);
    } else {
      with_wildcards_.push_back(&group);
    }
  }
  return *place->second;
}

void SubscriberTable::forget(Group& group) {
  const auto filter = group.filter;
  if (filter->is_literal()) {
    for (const std::string& topic : filter->patterns()) {
      const auto place = by_topic_.find(topic);
      std::erase(place->second, &group);
      if (place->second.empty()) by_topic_.erase(place);
    }
  } else {
    std::erase(with_wildcards_, &group);
  }
  groups_.erase(filter->key());
}

void SubscriberTable::deliver(const std::vector<FramePtr>& frames) {
  for (const FramePtr& frame : frames) {
    if (const auto found = by_topic_.find(frame->topic); found != by_topic_.end()) {
      for (Group* group : found->second) add_to_batch(frame, *group);
    }
    for (Group* group : with_wildcards_) {
      if (group->filter->matches(*Topic::parse(frame->topic))) add_to_batch(frame, *group);
    }
  }
  for (Group* group : touched_) {
    for (Subscriber* subscriber : group->members) subscriber->deliver(group->batch);
    group->batch.clear();
  }
  touched_.clear();
}

void SubscriberTable::add_to_batch(const FramePtr& frame, Group& group) {
  if (group.batch.empty()) touched_.push_back(&group);
  group.batch.push_back(frame);
}

void SubscriberTable::for_each(const std::function<void(Subscriber&)>& visit) const {
  for (const auto& [key, group] : groups_) {
    for (Subscriber* subscriber : group->members) visit(*subscriber);
  }
}

}  // namespace millrace
