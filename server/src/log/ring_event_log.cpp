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

RingEventLog::RingEventLog(std::string epoch, std::size_t max_events, std::size_t max_bytes)
    : epoch_(std::move(epoch)), max_events_(max_events), max_bytes_(max_bytes) {}

FramePtr RingEventLog::append(Topic topic, const Event& event) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = head() + 1;
  frame->topic = topic.view();
  frame->publisher_id = event.id.view();

  Event identified = event;
  const std::string own_id = epoch_ + '-' + std::to_string(frame->sequence);
  if (event.id.empty()) identified.id = *EventId::parse(own_id);
  std::string payload;
  payload.reserve(event.data.size() + 64);
  EventStreamWriter(payload).event(identified);
  set_payload(*frame, payload);

  bytes_ += cost(*frame);
  topics_[frame->topic].push_back(frame->sequence);
  if (!frame->publisher_id.empty()) publisher_ids_.emplace(frame->publisher_id, frame->sequence);
  frames_.push_back(frame);
  while (frames_.size() > max_events_ || (bytes_ > max_bytes_ && frames_.size() > 1)) evict_oldest();
  return frame;
}

void RingEventLog::evict_oldest() {
  const Frame& frame = *frames_.front();
  bytes_ -= cost(frame);
  const auto topic = topics_.find(frame.topic);
  topic->second.pop_front();
  if (topic->second.empty()) topics_.erase(topic);
  if (!frame.publisher_id.empty()) publisher_ids_.erase(frame.publisher_id);
  frames_.pop_front();
  ++first_;
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
    const auto& sequences = found->second;
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
