// The part of RingEventLog that reads the newest events of topics.

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "event_log.h"
#include "ring_event_log.h"

namespace millrace {

namespace {

// Those of these topics of the frame that the scan wants.
TopicSet wanted_of(const Frame& frame, TopicSet topics, PageScan& scan) {
  TopicSet wanted = 0;
  for (; topics != 0; topics &= topics - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(topics));
    if (scan.wants(frame.sequence, frame.topic_at(index))) wanted |= TopicSet{1} << index;
  }
  return wanted;
}

}  // namespace

std::uint64_t RingEventLog::first_after(std::uint64_t sequence, const TopicFilter& filter) const {
  std::uint64_t first = std::max(first_, sequence + 1);
  if (filter.is_literal()) {
    for (const TopicPattern& pattern : filter.patterns()) {
      const auto topic = topics_.find(pattern.view());
      if (topic == topics_.end()) continue;
      if (const std::uint64_t newest = topic->second.newest.sequence; newest > sequence)
        first = std::min(first, newest);
    }
    return first;
  }
  PageScan scan(filter, sequence);
  for (auto place = retained_.upper_bound(sequence); place != retained_.end(); ++place) {
    if (scan.is_full() || wanted_of(*place->second.frame, place->second.newest, scan) != 0) return place->first;
  }
  return first;
}

std::uint64_t RingEventLog::copy_newest(const Place& place, std::uint64_t after, std::size_t count,
                                        std::vector<NewestEvent>& events) const {
  events.clear();
  const std::uint64_t until = std::min(place.until, head());
  const bool is_state = place.reads == Place::Reads::kState;
  // Returns whether there was room for the event.
  const auto copy = [&](const Slot& slot) {
    const TopicSet topics = is_state ? slot.newest & ~slot.finished : slot.newest;
    if (topics == 0) return true;
    if (events.size() >= count) return false;
    events.push_back({.frame = slot.frame, .topics = topics});
    return true;
  };
  for (auto next = retained_.upper_bound(after); next != retained_.end() && next->first <= until; ++next) {
    if (!copy(next->second)) return events.back().frame->sequence;
  }
  for (auto next = newest_.next(after + 1); next && *next <= until; next = newest_.next(*next + 1)) {
    if (!copy(slots_[*next - first_])) return events.back().frame->sequence;
  }
  return until;
}

bool RingEventLog::take_newest(std::vector<NewestEvent>& events, PageScan& scan, std::vector<FramePtr>& frames) {
  for (auto& [frame, topics] : events) {
    if (scan.is_full()) return false;
    const TopicSet wanted = wanted_of(*frame, topics, scan);
    if (wanted == 0) continue;
    scan.add(frame->bytes.size());
    frames.push_back(of_topics(std::move(frame), wanted));
  }
  return true;
}

RingEventLog::Page RingEventLog::read_newest(const Place& place, const TopicFilter& filter) const {
  return filter.is_literal() ? newest_of_topics(place, filter) : scan_newest(place, filter);
}

RingEventLog::Page RingEventLog::scan_newest(const Place& place, const TopicFilter& filter) const {
  PageScan scan(filter, place.sequence);
  std::vector<NewestEvent> events;
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
    if (topic == topics_.end()) continue;
    const NewestPlace& newest = topic->second.newest;
    if (newest.sequence <= place.sequence || newest.sequence > page.through) continue;
    const Slot& event = slot(newest);
    if (is_state && (event.finished & newest.topic) != 0) continue;
    NewestOfTopics& one = found[newest.sequence];
    one.frame = &event.frame;
    one.topics |= newest.topic;
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

}  // namespace millrace
