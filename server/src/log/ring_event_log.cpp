#include "ring_event_log.h"

#include <algorithm>
#include <utility>

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  return frame.bytes.size() + frame.topic_text().size() + frame.publisher_id.size() + frame.publisher.size();
}

}  // namespace

RingEventLog::RingEventLog(std::string epoch, const Bounds& bounds, std::uint64_t head, PinnedBytes* pinned)
    : epoch_(std::move(epoch)), bounds_(bounds), pinned_(pinned), first_(head + 1) {}

FramePtr RingEventLog::append(const Publication& publication, TimePoint now) {
  if (!is_new(publication)) return nullptr;
  FramePtr frame = encode(epoch_, head() + 1, publication, now);
  follow(frame);
  return frame;
}

// Whether there is something to append.
bool RingEventLog::is_new(const Publication& publication) const {
  if (publication.kind == Publication::Kind::kEvent) return !has_published(publication);
  const auto topic = topics_.find(publication.topic.view());
  const bool is_finished = topic != topics_.end() && topic->second.is_finished;
  return is_finished == (publication.kind == Publication::Kind::kBegin);
}

// Whether the publisher's event with this ID is here, in its topic's present life.
bool RingEventLog::has_published(const Publication& publication) const {
  const std::string_view id = publication.event.id.view();
  if (id.empty()) return false;
  const std::string_view topic = publication.topic.view();
  const auto found = std::max(ids_.find(id, topic, publisher_key(publication.publisher)),
                              ids_.find(id, topic, kAnyPublisher));  // nothing is less than something
  return found && *found >= topics_.find(topic)->second.begun;
}

void RingEventLog::follow(FramePtr frame) {
  if (frame->sequence != head() + 1) {
    while (!frames_.empty()) evict_oldest();
    first_ = frame->sequence;
  }
  const TimePoint now = frame->published;
  bytes_ += cost(*frame);
  if (!frame->publisher_id.empty()) ids_.insert(*frame);
  TopicEntry& topic = topics_[frame->topic->text()];
  if (topic.is_finished && !frame->finishes_topic) topic.begun = frame->sequence;
  topic.is_finished = frame->finishes_topic;
  topic.sequences.push_back(frame->sequence);
  if (frame->finishes_topic) topic.finishes.push_back(frame->sequence);
  frames_.push_back(std::move(frame));
  while (frames_.size() > bounds_.events || (bytes_ > bounds_.bytes && frames_.size() > 1)) evict_oldest();
  expire(now);
}

void RingEventLog::expire(TimePoint now) {
  if (!bounds_.age) return;
  while (!frames_.empty() && now - frames_.front()->published > *bounds_.age) evict_oldest();
}

void RingEventLog::evict_oldest() {
  const Frame& frame = *frames_.front();
  bytes_ -= cost(frame);
  const auto topic = topics_.find(frame.topic_text());
  topic->second.sequences.pop_front();
  if (frame.finishes_topic) topic->second.finishes.erase(topic->second.finishes.begin());
  if (topic->second.sequences.empty()) topics_.erase(topic);
  if (!frame.publisher_id.empty()) ids_.erase(frame);
  if (pinned_ != nullptr) pinned_->evict(frame);
  frames_.pop_front();
  ++first_;
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

RingEventLog::Page RingEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  if (sequence + 1 < first_) return {.frames = {}, .through = sequence, .oldest = first_};
  return filter.is_literal() ? merge(sequence, filter) : scan(sequence, filter);
}

// Looks at one event after the other.
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

// Merges the topics' own lists, so that the others' events cost nothing.
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
