#include "ring_event_log.h"

#include <algorithm>
#include <utility>

#include "event_log.h"
#include "retention.h"

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  return frame.bytes.size() + frame.topic_text().size() + frame.publisher_id.size() + frame.publisher.size();
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
  if (publication.kind == Publication::Kind::kEvent) return !has_published(publication);
  const auto topic = topics_.find(publication.topic.view());
  const bool is_finished = topic != topics_.end() && topic->second.is_finished;
  return is_finished == (publication.kind == Publication::Kind::kBegin);
}

// Whether the ring has the publisher's event with this ID, published since the topic began.
bool RingEventLog::has_published(const Publication& publication) const {
  const std::string_view id = publication.event.id.view();
  if (id.empty()) return false;
  const std::string_view topic = publication.topic.view();
  const auto found = std::max(ids_.find(id, topic, publisher_key(publication.publisher)),
                              ids_.find(id, topic, kAnyPublisher));  // an empty optional compares less
  return found && *found >= topics_.find(topic)->second.begun;
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
    const auto before = [&]() -> std::size_t {
      const auto topic = topics_.find(publication.topic.view());
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
  TopicEntry& topic = topics_.try_emplace(frame->topic->text(), newest_.end()).first->second;
  if (topic.is_finished && !frame->finishes_topic) topic.begun = frame->sequence;
  topic.is_finished = frame->finishes_topic;
  topic.sequences.push_back(frame->sequence);
  if (frame->finishes_topic) topic.finishes.push_back(frame->sequence);
  frames_.push_back(frame);
  if (frame->finishes_topic) finish(topic);
  if (!frame->is_mark) set_newest(topic, frame);
  while (frames_.size() > bounds_.events || (bytes_ > bounds_.bytes && frames_.size() > 1)) evict_oldest();
  expire(now);
}

// Makes this event, the newest of all, the topic's newest.
void RingEventLog::set_newest(TopicEntry& topic, const FramePtr& frame) {
  if (frame->is_retained) {
    ++retained_topics_;
    retained_bytes_ += cost(*frame);
  }
  if (topic.newest == newest_.end()) {
    topic.newest = newest_.emplace_hint(newest_.end(), frame->sequence, Newest{.frame = frame});
    return;
  }
  // To the end: neither is looked for, so that takes a few steps however many topics there are.
  auto node = newest_.extract(topic.newest);
  const Newest former = std::exchange(node.mapped(), {.frame = frame});
  node.key() = frame->sequence;
  topic.newest = newest_.insert(newest_.end(), std::move(node));
  if (former.is_retained()) forget(former.frame);
}

// Removes the topic's newest event from the state.
void RingEventLog::finish(TopicEntry& topic) {
  if (topic.newest == newest_.end()) return;
  Newest& newest = topic.newest->second;
  const FramePtr frame = newest.frame;
  const bool was_retained = newest.is_retained();
  newest.is_finished = true;
  if (!is_here(*frame)) {
    newest_.erase(std::exchange(topic.newest, newest_.end()));
    forgotten_ = std::max(forgotten_, frame->sequence);
  }
  if (was_retained) forget(frame);
}

// Stops retaining the event.
void RingEventLog::forget(const FramePtr& frame) {
  --retained_topics_;
  retained_bytes_ -= cost(*frame);
  if (is_here(*frame)) return;
  if (!frame->publisher_id.empty()) ids_.erase(*frame);
  if (pinned_ != nullptr) pinned_->evict(*frame);
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
  const auto topic = topics_.find(frame->topic_text());
  topic->second.sequences.pop_front();
  if (frame->finishes_topic) topic->second.finishes.erase(topic->second.finishes.begin());
  auto& newest = topic->second.newest;
  const bool is_newest = newest != newest_.end() && newest->first == frame->sequence;
  const bool stays = is_newest && newest->second.is_retained();
  if (is_newest && !stays) {
    forgotten_ = frame->sequence;
    newest_.erase(std::exchange(newest, newest_.end()));
  }
  if (topic->second.sequences.empty() && newest == newest_.end()) topics_.erase(topic);
  if (stays) return;
  if (!frame->publisher_id.empty()) ids_.erase(*frame);
  if (pinned_ != nullptr) pinned_->evict(*frame);
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
    if (scan.is_full() || scan.wants(place->first, *place->second.frame->topic)) return place->first;
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
                                        std::vector<FramePtr>& events) const {
  events.clear();
  const std::uint64_t until = std::min(place.until, head());
  const bool is_state = place.reads == Place::Reads::kState;
  auto next = newest_.upper_bound(after);
  for (; next != newest_.end() && next->first <= until; ++next) {
    if (is_state && next->second.is_finished) continue;
    if (events.size() == count) return events.back()->sequence;
    events.push_back(next->second.frame);
  }
  return until;
}

RingEventLog::Page RingEventLog::read_newest(const Place& place, const TopicFilter& filter) const {
  return filter.is_literal() ? newest_of_topics(place, filter) : scan_newest(place, filter);
}

RingEventLog::Page RingEventLog::scan_newest(const Place& place, const TopicFilter& filter) const {
  PageScan scan(filter, place.sequence);
  std::vector<FramePtr> events;
  Page page{.frames = {}, .through = copy_newest(place, place.sequence, SIZE_MAX, events), .oldest = first_};
  for (FramePtr& frame : events) {
    if (scan.is_full()) {
      page.through = scan.through();
      break;
    }
    if (!scan.wants(frame->sequence, *frame->topic)) continue;
    scan.add(frame->bytes.size());
    page.frames.push_back(std::move(frame));
  }
  page.work = scan.work();
  return page;
}

// For a filter without wildcards: looks at each of its topics.
RingEventLog::Page RingEventLog::newest_of_topics(const Place& place, const TopicFilter& filter) const {
  const bool is_state = place.reads == Place::Reads::kState;
  Page page{.frames = {}, .through = std::min(place.until, head()), .oldest = first_};
  for (const TopicPattern& pattern : filter.patterns()) {
    const auto topic = topics_.find(pattern.view());
    if (topic == topics_.end() || topic->second.newest == newest_.end()) continue;
    const auto& [sequence, newest] = *topic->second.newest;
    if (sequence <= place.sequence || sequence > page.through) continue;
    if (!is_state || !newest.is_finished) page.frames.push_back(newest.frame);
  }
  std::sort(page.frames.begin(), page.frames.end(),
            [](const FramePtr& one, const FramePtr& other) { return one->sequence < other->sequence; });
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < page.frames.size() && count < kPageFrames && bytes < kPageBytes) {
    bytes += page.frames[count++]->bytes.size();
  }
  if (count < page.frames.size()) {
    page.through = page.frames[count - 1]->sequence;
    page.frames.resize(count);
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
    const FramePtr& frame = at(scan.through() + 1);
    if (!scan.wants(frame->sequence, *frame->topic)) continue;
    scan.add(frame->bytes.size());
    page.frames.push_back(frame);
  }
  page.through = scan.through();
  page.work = scan.work();
  return page;
}

void RingEventLog::copy_after(std::uint64_t sequence, std::size_t count, std::vector<FramePtr>& entries) const {
  const auto begin = frames_.begin() + static_cast<std::ptrdiff_t>(sequence + 1 - first_);
  const auto left = static_cast<std::size_t>(head() - sequence);
  entries.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(left, count)));
}

// Merges the topics' own lists, so that events of other topics cost nothing.
RingEventLog::Page RingEventLog::merge(std::uint64_t sequence, const TopicFilter& filter) const {
  struct Run {
    std::deque<std::uint64_t>::const_iterator next;
    std::deque<std::uint64_t>::const_iterator end;
  };
  std::vector<Run> runs;
  for (const TopicPattern& topic : filter.patterns()) {
    const auto found = topics_.find(topic.view());
    if (found == topics_.end()) continue;
    const auto& sequences = found->second.sequences;
    const auto next = std::upper_bound(sequences.begin(), sequences.end(), sequence);
    if (next != sequences.end()) runs.push_back({next, sequences.end()});
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
    page.frames.push_back(at(*least->next));
    bytes += page.frames.back()->bytes.size();
    if (++least->next == least->end) runs.erase(least);
  }
  page.work = filter.patterns().size() + kWorkPerFrame * page.frames.size();
  return page;
}

}  // namespace millrace
