#include "ring_event_log.h"

#include <algorithm>
#include <utility>

#include "event_log.h"
#include "id_conflict.h"
#include "retention.h"

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  std::size_t bytes = frame.bytes.size() + frame.publisher_id.size() + frame.publisher.size();
  for (std::size_t i = 0; i < frame.topic_count(); ++i) bytes += frame.topic_at(i).view().size();
  return bytes;
}

// The index of the frame's topic with this name, as a set.
TopicSet topic_named(const Frame& frame, std::string_view name) {
  std::size_t index = 0;
  while (index + 1 < frame.topic_count() && frame.topic_at(index).view() != name) ++index;
  return TopicSet{1} << index;
}

}  // namespace

RingEventLog::RingEventLog(std::string epoch, const Bounds& bounds, std::uint64_t head, PinnedBytes* pinned)
    : epoch_(std::move(epoch)), bounds_(bounds), pinned_(pinned), first_(head + 1) {}

FramePtr RingEventLog::append(const Publication& publication, TimePoint now, FramePtr encoded) {
  if (!is_new(publication)) return nullptr;
  const bool is_right = encoded != nullptr && encoded->sequence == head() + 1;
  FramePtr frame = is_right ? std::move(encoded) : encode(epoch_, head() + 1, publication, now);
  follow(frame);
  return frame;
}

// Whether the publication must be appended.
bool RingEventLog::is_new(const Publication& publication) const {
  if (publication.kind == Publication::Kind::kEvent) {
    // Of several topics, id_conflict() has seen to it that all are alike.
    for (std::size_t i = 0; i < publication.topic_count(); ++i) {
      if (!published_as(publication, publication.topic_at(i))) return true;
    }
    return false;
  }
  const auto topic = topics_.find(publication.topic.view());
  const bool is_finished = topic != topics_.end() && topic->second.is_finished;
  return is_finished == (publication.kind == Publication::Kind::kBegin);
}

// The publisher's event with this ID in the topic, published since the topic began.
std::optional<std::uint64_t> RingEventLog::published_as(const Publication& publication, Topic topic) const {
  const std::string_view id = publication.event.id.view();
  if (id.empty()) return std::nullopt;
  const auto found = std::max(ids_.find(id, topic.view(), publisher_key(publication.publisher)),
                              ids_.find(id, topic.view(), kAnyPublisher));  // an empty optional compares less
  return found && *found >= topics_.find(topic.view())->second.begun ? found : std::nullopt;
}

std::optional<std::string> RingEventLog::id_conflict(std::span<const Publication> publications) const {
  return millrace::id_conflict(publications,
                               [this](const Publication& one, Topic topic) { return published_as(one, topic); });
}

std::optional<std::string> RingEventLog::refusal(std::span<const Publication> publications, TimePoint now,
                                                 std::vector<FramePtr>& encoded) const {
  if (std::none_of(publications.begin(), publications.end(), [](const Publication& one) { return one.retain; })) {
    return std::nullopt;
  }
  RetentionCheck check(retained_topics_, retained_bytes_,
                       {.topics = bounds_.retained_topics, .bytes = bounds_.retained_bytes});
  encoded.resize(publications.size());
  std::uint64_t sequence = head();
  for (std::size_t i = 0; i < publications.size(); ++i) {
    const Publication& publication = publications[i];
    if (!is_new(publication)) continue;
    ++sequence;
    const auto before = [&](Topic name) -> std::size_t {
      const auto topic = topics_.find(name.view());
      if (topic == topics_.end() || topic->second.newest == newest_.end()) return 0;
      const Newest& newest = topic->second.newest->second;
      return newest.is_retained() ? cost(*newest.frame) : 0;
    };
    const auto own = [&] { return cost(*(encoded[i] = encode(epoch_, sequence, publication, now))); };
    if (auto refusal = check.add(publication, own, before)) return refusal;
  }
  return std::nullopt;
}

void RingEventLog::follow(FramePtr frame) {
  if (frame->sequence != head() + 1) {
    while (!frames_.empty()) evict_oldest();
    first_ = frame->sequence;
  }
  const TimePoint now = frame->published;
  bytes_ += cost(*frame);
  if (!frame->publisher_id.empty()) ids_.insert(*frame);
  frames_.push_back(frame);
  for (std::size_t i = 0; i < frame->topic_count(); ++i) add_to_topic(frame, static_cast<std::uint8_t>(i));
  while (frames_.size() > bounds_.events || (bytes_ > bounds_.bytes && frames_.size() > 1)) evict_oldest();
  expire(now);
}

void RingEventLog::add_to_topic(const FramePtr& frame, std::uint8_t index) {
  TopicEntry& topic = topics_.try_emplace(frame->topic_at(index).text(), newest_.end()).first->second;
  if (topic.is_finished && !frame->finishes_topic) topic.begun = frame->sequence;
  topic.is_finished = frame->finishes_topic;
  topic.sequences.push_back(frame->sequence);
  if (frame->finishes_topic) topic.finishes.push_back(frame->sequence);
  if (frame->finishes_topic) finish(topic);
  if (!frame->is_mark) set_newest(topic, frame, index);
}

// Makes this event, the newest of all, the topic's newest.
void RingEventLog::set_newest(TopicEntry& topic, const FramePtr& frame, std::uint8_t index) {
  if (frame->is_retained) {
    ++retained_topics_;
    retained_bytes_ += cost(*frame);
  }
  if (topic.newest == newest_.end()) {
    topic.newest = newest_.emplace_hint(newest_.end(), frame->sequence, Newest{.frame = frame, .topic = index});
    return;
  }
  // To the end: neither is looked for, so that takes a few steps however many topics there are.
  auto node = newest_.extract(topic.newest);
  const Newest former = std::exchange(node.mapped(), {.frame = frame, .topic = index});
  node.key() = frame->sequence;
  topic.newest = newest_.insert(newest_.end(), std::move(node));
  if (former.is_retained()) forget(former.frame, former.topic);
}

// Removes the topic's newest event from the state.
void RingEventLog::finish(TopicEntry& topic) {
  if (topic.newest == newest_.end()) return;
  Newest& newest = topic.newest->second;
  const FramePtr frame = newest.frame;
  const std::uint8_t index = newest.topic;
  const bool was_retained = newest.is_retained();
  newest.is_finished = true;
  if (!is_here(*frame)) {
    newest_.erase(std::exchange(topic.newest, newest_.end()));
    forgotten_ = std::max(forgotten_, frame->sequence);
  }
  if (was_retained) forget(frame, index);
}

// Stops retaining the event for one of its topics.
void RingEventLog::forget(const FramePtr& frame, std::uint8_t topic) {
  --retained_topics_;
  retained_bytes_ -= cost(*frame);
  if (is_here(*frame)) return;
  if (!frame->publisher_id.empty()) ids_.erase(*frame, topic);
  if (pinned_ != nullptr && !is_retained_elsewhere(*frame)) pinned_->evict(*frame);
}

// Whether another topic retains the event.
bool RingEventLog::is_retained_elsewhere(const Frame& frame) const {
  if (frame.topic_count() == 1) return false;
  const auto [first, end] = newest_.equal_range(frame.sequence);
  return std::any_of(first, end, [](const auto& one) { return one.second.is_retained(); });
}

void RingEventLog::expire(TimePoint now) {
  if (!bounds_.age) return;
  while (!frames_.empty() && now - frames_.front()->published > *bounds_.age) evict_oldest();
}

void RingEventLog::evict_oldest() {
  const FramePtr frame = std::move(frames_.front());
  frames_.pop_front();
  ++first_;
  bytes_ -= cost(*frame);
  bool stays = false;
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (drop_from_topic(*frame, frame->topic_at(i))) {
      stays = true;
    } else if (!frame->publisher_id.empty()) {
      ids_.erase(*frame, static_cast<std::uint8_t>(i));
    }
  }
  if (pinned_ != nullptr && !stays) pinned_->evict(*frame);
}

// The topic's oldest entry goes. Returns whether the topic retains it.
bool RingEventLog::drop_from_topic(const Frame& frame, const OwnedTopic& name) {
  const auto topic = topics_.find(name.view());
  topic->second.sequences.pop_front();
  if (frame.finishes_topic) topic->second.finishes.erase(topic->second.finishes.begin());
  auto& newest = topic->second.newest;
  const bool is_newest = newest != newest_.end() && newest->first == frame.sequence;
  const bool stays = is_newest && newest->second.is_retained();
  if (is_newest && !stays) {
    forgotten_ = frame.sequence;
    newest_.erase(std::exchange(newest, newest_.end()));
  }
  if (topic->second.sequences.empty() && newest == newest_.end()) topics_.erase(topic);
  return stays;
}

std::optional<std::uint64_t> RingEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t last = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto topic = topics_.find(pattern.view());
    if (topic == topics_.end()) return std::nullopt;
    const auto& finishes = topic->second.finishes;
    if (filter.patterns().size() == 1) {
      const auto first = std::lower_bound(finishes.begin(), finishes.end(), seen);
      if (first != finishes.end()) return *first;
    }
    if (!topic->second.is_finished) return std::nullopt;
    last = std::max(last, finishes.back());
  }
  return last;
}

std::optional<std::uint64_t> RingEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  return ids_.find(publisher_id, filter);
}

std::uint64_t RingEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  std::uint64_t first = std::max(first_, sequence + 1);
  if (filter.is_literal()) {
    for (const TopicPattern& pattern : filter.patterns()) {
      const auto topic = topics_.find(pattern.view());
      if (topic == topics_.end() || topic->second.newest == newest_.end()) continue;
      if (topic->second.newest->first > sequence) first = std::min(first, topic->second.newest->first);
    }
    return first;
  }
  PageScan scan(filter, sequence);
  for (auto place = newest_.upper_bound(sequence); place != newest_.end() && place->first < first; ++place) {
    if (scan.is_full() || scan.wants(place->first, place->second.frame->topic_at(place->second.topic)))
      return place->first;
  }
  return first;
}

bool RingEventLog::has_finished_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return std::any_of(filter.patterns().begin(), filter.patterns().end(), [&](const TopicPattern& pattern) {
    const auto topic = topics_.find(pattern.view());
    return topic != topics_.end() && !topic->second.finishes.empty() && topic->second.finishes.back() > sequence;
  });
}

std::uint64_t RingEventLog::copy_newest(const Place& place, std::uint64_t after, std::size_t count,
                                        std::vector<NewestOfTopic>& events) const {
  events.clear();
  const std::uint64_t until = std::min(place.until, head());
  const bool is_state = place.reads == Place::Reads::kState;
  auto next = newest_.upper_bound(after);
  for (; next != newest_.end() && next->first <= until; ++next) {
    if (is_state && next->second.is_finished) continue;
    if (events.size() >= count && events.back().frame->sequence != next->first) return events.back().frame->sequence;
    events.push_back({.frame = next->second.frame, .topic = next->second.topic});
  }
  return until;
}

bool RingEventLog::take_newest(std::vector<NewestOfTopic>& events, PageScan& scan, std::vector<FramePtr>& frames) {
  for (auto next = events.begin(); next != events.end();) {
    if (scan.is_full()) return false;
    FramePtr& frame = next->frame;
    TopicSet topics = 0;
    auto last = next;
    for (; last != events.end() && last->frame->sequence == frame->sequence; ++last) {
      if (scan.wants(frame->sequence, frame->topic_at(last->topic))) topics |= TopicSet{1} << last->topic;
    }
    next = last;
    if (topics == 0) continue;
    scan.add(frame->bytes.size());
    frames.push_back(of_topics(std::move(frame), topics));
  }
  return true;
}

RingEventLog::Page RingEventLog::read_newest(const Place& place, const TopicFilter& filter) const {
  return filter.is_literal() ? newest_of_topics(place, filter) : scan_newest(place, filter);
}

RingEventLog::Page RingEventLog::scan_newest(const Place& place, const TopicFilter& filter) const {
  PageScan scan(filter, place.sequence);
  std::vector<NewestOfTopic> events;
  Page page{.frames = {}, .through = copy_newest(place, place.sequence, SIZE_MAX, events), .oldest = first_};
  if (!take_newest(events, scan, page.frames)) page.through = scan.through();
  page.work = scan.work();
  return page;
}

namespace {

struct NewestOfTopics {
  const FramePtr* frame = nullptr;
  TopicSet topics = 0;
};

}  // namespace

// For a filter without wildcards: looks at each of its topics.
RingEventLog::Page RingEventLog::newest_of_topics(const Place& place, const TopicFilter& filter) const {
  const bool is_state = place.reads == Place::Reads::kState;
  Page page{.frames = {}, .through = std::min(place.until, head()), .oldest = first_};
  std::map<std::uint64_t, NewestOfTopics> found;
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto topic = topics_.find(pattern.view());
    if (topic == topics_.end() || topic->second.newest == newest_.end()) continue;
    const auto& [sequence, newest] = *topic->second.newest;
    if (sequence <= place.sequence || sequence > page.through) continue;
    if (is_state && newest.is_finished) continue;
    NewestOfTopics& one = found[sequence];
    one.frame = &newest.frame;
    one.topics |= TopicSet{1} << newest.topic;
  }
  std::size_t bytes = 0;
  for (const auto& [sequence, one] : found) {
    if (page.frames.size() == kPageFrames || bytes >= kPageBytes) {
      page.through = page.frames.back()->sequence;
      break;
    }
    bytes += (*one.frame)->bytes.size();
    page.frames.push_back(of_topics(*one.frame, one.topics));
  }
  page.work = filter.patterns().size() + kWorkPerFrame * page.frames.size();
  return page;
}

RingEventLog::Page RingEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  if (sequence + 1 < first_) return {.frames = {}, .through = sequence, .oldest = first_};
  return filter.is_literal() ? merge(sequence, filter) : scan(sequence, filter);
}

// Checks one entry after the other.
RingEventLog::Page RingEventLog::scan(std::uint64_t sequence, const TopicFilter& filter) const {
  PageScan scan(filter, sequence);
  Page page{.oldest = first_};
  while (scan.through() < head() && !scan.is_full()) {
    take_wanted(at(scan.through() + 1), scan, page.frames);
  }
  page.through = scan.through();
  page.work = scan.work();
  return page;
}

void take_wanted(const FramePtr& frame, PageScan& scan, std::vector<FramePtr>& frames) {
  TopicSet topics = 0;
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (scan.wants(frame->sequence, frame->topic_at(i))) topics |= TopicSet{1} << i;
  }
  if (topics == 0) return;
  scan.add(frame->bytes.size());
  frames.push_back(of_topics(frame, topics));
}

void RingEventLog::copy_after(std::uint64_t sequence, std::size_t count, std::vector<FramePtr>& entries) const {
  const auto begin = frames_.begin() + static_cast<std::ptrdiff_t>(sequence + 1 - first_);
  const auto left = static_cast<std::size_t>(head() - sequence);
  entries.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(left, count)));
}

// Merges the topics' own lists, so that events of other topics cost nothing.
RingEventLog::Page RingEventLog::merge(std::uint64_t sequence, const TopicFilter& filter) const {
  struct Run {
    std::string_view topic;
    std::deque<std::uint64_t>::const_iterator next;
    std::deque<std::uint64_t>::const_iterator end;
  };
  std::vector<Run> runs;
  for (const TopicPattern& topic : filter.patterns()) {
    const auto found = topics_.find(topic.view());
    if (found == topics_.end()) continue;
    const auto& sequences = found->second.sequences;
    const auto next = std::upper_bound(sequences.begin(), sequences.end(), sequence);
    if (next != sequences.end()) runs.push_back({topic.view(), next, sequences.end()});
  }

  Page page{.frames = {}, .through = head(), .oldest = first_};
  std::size_t bytes = 0;
  while (!runs.empty()) {
    if (page.frames.size() == kPageFrames || bytes >= kPageBytes) {
      page.through = page.frames.back()->sequence;
      break;
    }
    const auto least =
        std::min_element(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return *a.next < *b.next; });
    const FramePtr& frame = at(*least->next);
    bytes += frame->bytes.size();
    if (frame->topic_count() == 1) {
      page.frames.push_back(frame);
      if (++least->next == least->end) runs.erase(least);
      continue;
    }
    // All runs that are at this event.
    TopicSet topics = 0;
    for (Run& run : runs) {
      if (*run.next != frame->sequence) continue;
      topics |= topic_named(*frame, run.topic);
      ++run.next;
    }
    page.frames.push_back(of_topics(frame, topics));
    std::erase_if(runs, [](const Run& run) { return run.next == run.end; });
  }
  page.work = filter.patterns().size() + kWorkPerFrame * page.frames.size();
  return page;
}

}  // namespace millrace
