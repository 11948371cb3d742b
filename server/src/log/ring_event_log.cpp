#include "ring_event_log.h"

#include <algorithm>
#include <utility>

#include "millrace/core/event_stream_writer.h"

namespace millrace {

namespace {

std::size_t cost(const Frame& frame) {
  return frame.bytes.size() + frame.topic.size() + frame.publisher_id.size();
}

// No ID holds a line end: a topic's own ID is never mistaken for another.
std::string index_key(std::string_view topic, std::string_view publisher_id) {
  return std::string(topic).append(1, '\n').append(publisher_id);
}

std::string index_key(const Frame& frame) {
  return frame.id_is_topics_own ? index_key(frame.topic, frame.publisher_id) : frame.publisher_id;
}

}  // namespace

RingEventLog::RingEventLog(std::string epoch, const Bounds& bounds) : epoch_(std::move(epoch)), bounds_(bounds) {}

FramePtr RingEventLog::append(Topic topic, const Event& event, TimePoint now, IdScope scope) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = head() + 1;
  frame->topic = topic.view();
  frame->publisher_id = event.id.view();
  frame->id_is_topics_own = scope == IdScope::kTopic;
  frame->published = now;

  Event identified = event;
  const std::string own_id = id_of(frame->sequence);
  if (event.id.empty()) identified.id = *EventId::parse(own_id);
  std::string payload;
  payload.reserve(event.data.size() + 64);
  EventStreamWriter(payload).event(identified);
  set_payload(*frame, payload);

  if (!frame->publisher_id.empty()) publisher_ids_.insert_or_assign(index_key(*frame), frame->sequence);
  topics_[frame->topic].is_finished = false;
  return push(std::move(frame));
}

FramePtr RingEventLog::append_finish(Topic topic, TimePoint now) {
  return append_mark(topic, now, true);
}

FramePtr RingEventLog::append_begin(Topic topic, TimePoint now) {
  const auto entry = topics_.find(topic.view());
  if (entry == topics_.end() || !entry->second.is_finished) return nullptr;
  return append_mark(topic, now, false);
}

// An entry without an event.
FramePtr RingEventLog::append_mark(Topic topic, TimePoint now, bool finishes_topic) {
  auto frame = std::make_shared<Frame>();
  frame->sequence = head() + 1;
  frame->topic = topic.view();
  frame->finishes_topic = finishes_topic;
  frame->published = now;
  // A client that has a topic's finish has seen the end, and says so when it comes back.
  std::string payload;
  const std::string id = id_of(frame->sequence);
  EventStreamWriter(payload).cursor(*EventId::parse(id));
  set_payload(*frame, payload);

  TopicEntry& entry = topics_[frame->topic];
  entry.is_finished = finishes_topic;
  if (finishes_topic) entry.finishes.push_back(frame->sequence);
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
  if (frame.finishes_topic) topic->second.finishes.erase(topic->second.finishes.begin());
  if (topic->second.sequences.empty()) topics_.erase(topic);
  if (!frame.publisher_id.empty()) {
    // The ID may stand for a newer event of its topic by now.
    const auto id = publisher_ids_.find(index_key(frame));
    if (id->second == first_) publisher_ids_.erase(id);
  }
  frames_.pop_front();
  ++first_;
}

std::string RingEventLog::id_of(std::uint64_t sequence) const {
  return epoch_ + '-' + std::to_string(sequence);
}

std::optional<std::uint64_t> RingEventLog::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t last = 0;
  for (const std::string& pattern : filter.patterns()) {
    const auto topic = topics_.find(pattern);
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

bool RingEventLog::has_published(Topic topic, std::string_view publisher_id, IdScope scope) const {
  if (scope == IdScope::kLog) return find(publisher_id).has_value();
  const auto found = find(index_key(topic.view(), publisher_id));
  if (!found) return false;
  const auto& finishes = topics_.find(topic.view())->second.finishes;
  return finishes.empty() || *found > finishes.back();
}

std::optional<std::uint64_t> RingEventLog::find(std::string_view publisher_id) const {
  const auto found = publisher_ids_.find(publisher_id);
  if (found == publisher_ids_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> RingEventLog::find(std::string_view publisher_id, const TopicFilter& filter) const {
  std::optional<std::uint64_t> oldest;
  for (const std::string& topic : filter.patterns()) {
    const auto found = find(index_key(topic, publisher_id));
    if (found && (!oldest || *found < *oldest)) oldest = found;
  }
  return oldest;
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
