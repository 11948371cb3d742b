#include "ring_event_log.h"

#include <algorithm>
#include <utility>

#include "millrace/core/event_stream_writer.h"

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  return frame.bytes.size() + frame.topic.size() + frame.publisher_id.size();
}

}  // namespace

RingEventLog::RingEventLog(std::string epoch, const Bounds& bounds) : epoch_(std::move(epoch)), bounds_(bounds) {}

FramePtr RingEventLog::append(Topic topic, const Event& event, TimePoint now) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = head() + 1;
  frame->topic = topic.view();
  frame->publisher_id = event.id.view();
  frame->published = now;

  Event identified = event;
  const std::string own_id = id_of(frame->sequence);
  if (event.id.empty()) identified.id = *EventId::parse(own_id);
  std::string payload;
  payload.reserve(event.data.size() + 64);
  EventStreamWriter(payload).event(identified);
  set_payload(*frame, payload);

  if (!frame->publisher_id.empty()) publisher_ids_.emplace(frame->publisher_id, frame->sequence);
  topics_[frame->topic].finished_at = 0;
  return push(std::move(frame));
}

FramePtr RingEventLog::append_finish(Topic topic, TimePoint now) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = head() + 1;
  frame->topic = topic.view();
  frame->finishes_topic = true;
  frame->published = now;
  // A client that has this has seen the end, and says so when it comes back.
  std::string payload;
  const std::string id = id_of(frame->sequence);
  EventStreamWriter(payload).cursor(*EventId::parse(id));
  set_payload(*frame, payload);

  topics_[frame->topic].finished_at = frame->sequence;
  return push(std::move(frame));
}

FramePtr RingEventLog::push(std::shared_ptr<Frame> frame) {
  const TimePoint now = frame->published;
  bytes_ += cost(*frame);
  topics_[frame->topic].sequences.push_back(frame->sequence);
  frames_.push_back(std::move(frame));
  FramePtr newest = frames_.back();
  while (frames_.size() > bounds_.events || (bytes_ > bounds_.bytes && frames_.size() > 1)) evict_oldest();
  expire(now);
  return newest;
}

void RingEventLog::expire(TimePoint now) {
  if (bounds_.age <= Duration{0}) return;
  while (!frames_.empty() && now - frames_.front()->published > bounds_.age) evict_oldest();
}

void RingEventLog::evict_oldest() {
  const Frame& frame = *frames_.front();
  bytes_ -= cost(frame);
  const auto topic = topics_.find(frame.topic);
  topic->second.sequences.pop_front();
  if (topic->second.sequences.empty()) topics_.erase(topic);
  if (!frame.publisher_id.empty()) publisher_ids_.erase(frame.publisher_id);
  frames_.pop_front();
  ++first_;
}

std::string RingEventLog::id_of(std::uint64_t sequence) const {
  return epoch_ + '-' + std::to_string(sequence);
}

std::optional<std::uint64_t> RingEventLog::finished_at(const TopicFilter& filter) const {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t last = 0;
  for (const std::string& pattern : filter.patterns()) {
    const auto topic = topics_.find(pattern);
    if (topic == topics_.end() || topic->second.finished_at == 0) return std::nullopt;
    last = std::max(last, topic->second.finished_at);
  }
  return last;
}

std::optional<std::uint64_t> RingEventLog::find(std::string_view publisher_id) const {
  const auto found = publisher_ids_.find(publisher_id);
  if (found == publisher_ids_.end()) return std::nullopt;
  return found->second;
}

RingEventLog::Page RingEventLog::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  return filter.is_literal() ? merge(sequence, filter) : scan(sequence, filter);
}

// Looks at one event after the other.
RingEventLog::Page RingEventLog::scan(std::uint64_t sequence, const TopicFilter& filter) const {
  Page page{.frames = {}, .through = sequence};
  std::size_t bytes = 0;
  const std::uint64_t last = std::min(head(), sequence + kPageScan);
  while (page.through < last && page.frames.size() < kPageFrames && bytes < kPageBytes) {
    const FramePtr& frame = at(++page.through);
    if (!filter.matches(*Topic::parse(frame->topic))) continue;
    page.frames.push_back(frame);
    bytes += frame->bytes.size();
  }
  return page;
}

// Merges the topics' own lists, so that the others' events cost nothing.
RingEventLog::Page RingEventLog::merge(std::uint64_t sequence, const TopicFilter& filter) const {
  struct Run {
    std::deque<std::uint64_t>::const_iterator next;
    std::deque<std::uint64_t>::const_iterator end;
  };
  std::vector<Run> runs;
  for (const std::string& topic : filter.patterns()) {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) continue;
    const auto& sequences = found->second.sequences;
    const auto next = std::upper_bound(sequences.begin(), sequences.end(), sequence);
    if (next != sequences.end()) runs.push_back({next, sequences.end()});
  }

  Page page{.frames = {}, .through = head()};
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
  return page;
}

}  // namespace millrace
