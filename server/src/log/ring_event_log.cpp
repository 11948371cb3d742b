#include "ring_event_log.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "event_log.h"
#include "id_conflict.h"
#include "retention.h"

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  std::size_t bytes = frame.bytes.size() + frame.publisher_id.size() + frame.publisher.size();
  for (std::size_t i = 0; i < frame.topic_count(); ++i) bytes += frame.topic_at(i).view().size();
  return bytes + (frame.topic_count() - 1) * kFurtherTopicBytes;
}

// The topic that is alone in the set.
std::uint8_t index_of(TopicSet topic) {
  return static_cast<std::uint8_t>(std::countr_zero(topic));
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
      if (topic == topics_.end() || topic->second.newest.sequence == 0) return 0;
      const NewestPlace& newest = topic->second.newest;
      return slot(newest).retains(newest.topic) ? cost(*slot(newest).frame) : 0;
    };
    const auto own = [&] { return cost(*(encoded[i] = encode(epoch_, sequence, publication, now))); };
    if (auto refusal = check.add(publication, own, before)) return refusal;
  }
  return std::nullopt;
}

void RingEventLog::follow(FramePtr frame) {
  if (frame->sequence != head() + 1) {
    while (!slots_.empty()) evict_oldest();
    first_ = frame->sequence;
    newest_.erase_before(first_);
  }
  const TimePoint now = frame->published;
  bytes_ += cost(*frame);
  if (!frame->publisher_id.empty()) ids_.insert(*frame);
  const std::size_t topics = frame->topic_count();
  slots_.push_back({.frame = std::move(frame)});
  for (std::size_t i = 0; i < topics; ++i) add_to_topic(i);
  while (slots_.size() > bounds_.events || (bytes_ > bounds_.bytes && slots_.size() > 1)) evict_oldest();
  expire(now);
}

// Adds the newest entry to one of its topics.
void RingEventLog::add_to_topic(std::size_t index) {
  const Frame& frame = *slots_.back().frame;
  TopicEntry& topic = topics_[frame.topic_at(index).text()];
  if (topic.is_finished && !frame.finishes_topic) topic.begun = frame.sequence;
  topic.is_finished = frame.finishes_topic;
  topic.sequences.push_back(frame.sequence);
  if (frame.finishes_topic) topic.finishes.push_back(frame.sequence);
  if (frame.finishes_topic) finish(topic);
  if (!frame.is_mark) set_newest(topic, index);
}

const RingEventLog::Slot& RingEventLog::slot(const NewestPlace& place) const {
  return place.sequence >= first_ ? slots_[place.sequence - first_] : retained_.at(place.sequence);
}

// Makes the newest entry the topic's newest event.
void RingEventLog::set_newest(TopicEntry& topic, std::size_t index) {
  Slot& newest = slots_.back();
  const NewestPlace former = std::exchange(topic.newest, {newest.frame->sequence, TopicSet{1} << index});
  newest.newest |= topic.newest.topic;
  newest_.insert(topic.newest.sequence);
  if (newest.frame->is_retained) {
    ++retained_topics_;
    retained_bytes_ += cost(*newest.frame);
  }
  if (former.sequence != 0) unset_newest(former);
}

// The event at this place is no longer its topic's newest.
void RingEventLog::unset_newest(const NewestPlace& place) {
  Slot& former = slot(place);
  const FramePtr frame = former.frame;
  const bool was_retained = former.retains(place.topic);
  former.newest &= ~place.topic;
  former.finished &= ~place.topic;
  if (former.newest == 0) {
    newest_.erase(place.sequence);
    retained_.erase(place.sequence);
  }
  if (was_retained) forget(frame, place.topic);
}

// Removes the topic's newest event from the state.
void RingEventLog::finish(TopicEntry& topic) {
  const NewestPlace newest = topic.newest;
  if (newest.sequence == 0) return;
  if (newest.sequence < first_) {
    topic.newest = {};
    forgotten_ = std::max(forgotten_, newest.sequence);
    return unset_newest(newest);
  }
  Slot& here = slot(newest);
  const bool was_retained = here.retains(newest.topic);
  here.finished |= newest.topic;
  if (was_retained) forget(here.frame, newest.topic);
}

// Stops retaining the event for one of its topics.
void RingEventLog::forget(const FramePtr& frame, TopicSet topic) {
  --retained_topics_;
  retained_bytes_ -= cost(*frame);
  if (is_here(*frame)) return;
  if (!frame->publisher_id.empty()) ids_.erase(*frame, index_of(topic));
  if (pinned_ != nullptr && !retained_.contains(frame->sequence)) pinned_->evict(*frame);
}

void RingEventLog::expire(TimePoint now) {
  if (!bounds_.age) return;
  while (!slots_.empty() && now - slots_.front().frame->published > *bounds_.age) evict_oldest();
}

// What of it is retained stays, outside the ring.
void RingEventLog::evict_oldest() {
  Slot oldest = std::move(slots_.front());
  slots_.pop_front();
  newest_.erase_before(++first_);
  const FramePtr frame = oldest.frame;
  bytes_ -= cost(*frame);
  for (std::size_t i = 0; i < frame->topic_count(); ++i) {
    if (drop_from_topic(oldest, i)) continue;
    oldest.newest &= ~(TopicSet{1} << i);
    if (!frame->publisher_id.empty()) ids_.erase(*frame, static_cast<std::uint8_t>(i));
  }
  if (oldest.newest != 0) {
    retained_.emplace(frame->sequence, std::move(oldest));
  } else if (pinned_ != nullptr) {
    pinned_->evict(*frame);
  }
}

// The oldest entry of one of its topics goes. Returns whether the topic retains it.
bool RingEventLog::drop_from_topic(const Slot& oldest, std::size_t index) {
  const Frame& frame = *oldest.frame;
  const auto topic = topics_.find(frame.topic_at(index).view());
  topic->second.sequences.pop_front();
  if (frame.finishes_topic) topic->second.finishes.erase(topic->second.finishes.begin());
  NewestPlace& newest = topic->second.newest;
  const bool is_newest = newest.sequence == frame.sequence;
  const bool stays = is_newest && oldest.retains(newest.topic);
  if (is_newest && !stays) {
    forgotten_ = frame.sequence;
    newest = {};
  }
  if (topic->second.sequences.empty() && newest.sequence == 0) topics_.erase(topic);
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

bool RingEventLog::has_finished_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return std::any_of(filter.patterns().begin(), filter.patterns().end(), [&](const TopicPattern& pattern) {
    const auto topic = topics_.find(pattern.view());
    return topic != topics_.end() && !topic->second.finishes.empty() && topic->second.finishes.back() > sequence;
  });
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
  const auto begin = slots_.begin() + static_cast<std::ptrdiff_t>(sequence + 1 - first_);
  const auto left = static_cast<std::size_t>(head() - sequence);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(left, count));
  entries.clear();
  entries.reserve(static_cast<std::size_t>(end - begin));
  for (auto next = begin; next != end; ++next) entries.push_back(next->frame);
}

// Merges the topics' own lists, so that events of other topics cost nothing.
RingEventLog::Page RingEventLog::merge(std::uint64_t sequence, const TopicFilter& filter) const {
  struct Run {
    std::string_view topic;
    SequenceQueue::Iterator next;
    SequenceQueue::Iterator end;
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
