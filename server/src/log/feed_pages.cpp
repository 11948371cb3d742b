// What a reader gets next: from memory, or from the store.
#include <algorithm>
#include <optional>
#include <utility>

#include "feed_state.h"
#include "topic_matcher.h"

namespace millrace {

namespace {

// Entries copied from the log under one lock: some microseconds.
constexpr std::size_t kCopiedAtOnce = 64;

// The page for a reader that has seen everything up to `sequence`, if the log's oldest entry, except retained ones, is
// `oldest`.
Feed::Page expired_page(std::uint64_t sequence, std::uint64_t oldest, std::uint64_t first_after) {
  return {.frames = {},
          .through = std::max(sequence, std::min(first_after, oldest) - 1),
          .expired = true,
          .state_until = oldest - 1,
          .forgiven = oldest - 1};
}

// Whether newest events are gone that the reader has neither seen nor knows to be gone.
bool has_forgotten(std::uint64_t forgotten, const Place& place) {
  return forgotten > std::max(place.sequence, place.forgiven);
}

Feed::Page forgotten_page(std::uint64_t forgotten, const Place& place) {
  return {.frames = {}, .through = place.sequence, .expired = true, .forgiven = forgotten};
}

// The log's next page of newest events, as a feed's page.
Feed::Page newest_page_of(const EventLog& log, const Place& place, const TopicFilter& filter) {
  if (const std::uint64_t forgotten = log.forgotten(); has_forgotten(forgotten, place)) {
    return forgotten_page(forgotten, place);
  }
  EventLog::Page page = log.read_newest(place, filter);
  const bool goes_on = place.reads == Place::Reads::kState;
  // The reader continues after the state, where a topic that has begun again has newer events.
  const auto finished_at = goes_on ? std::nullopt : log.finished_at(filter, EventLog::kNow);
  return {.frames = std::move(page.frames),
          .through = page.through,
          .at_head = !goes_on && page.through >= log.head(),
          .finished = finished_at && page.through >= *finished_at,
          .work = page.work};
}

// The log's next page, as a feed's page.
Feed::Page page_of(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  EventLog::Page page = log.read_after(sequence, filter);
  if (sequence + 1 < page.oldest) return expired_page(sequence, page.oldest, log.first_after(sequence, filter));
  // Reads it after the page, so that a finish that the page has not reached cannot end the page.
  const auto finished_at = log.finished_at(filter, sequence);
  // Later events are for clients that subscribe after the end.
  if (finished_at && page.through > *finished_at) {
    std::erase_if(page.frames, [&](const FramePtr& frame) { return frame->sequence > *finished_at; });
    page.through = std::max(sequence, *finished_at);
  }
  return {.frames = std::move(page.frames),
          .through = page.through,
          .at_head = page.through >= log.head(),
          .finished = finished_at && page.through >= *finished_at,
          .work = page.work};
}

}  // namespace

std::optional<Feed::Page> Feed::State::page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const {
  if (store == nullptr) return page_of(ring, sequence, filter);
  if (!is_in_memory(sequence)) return std::nullopt;
  Page page = page_of(ring, sequence, filter);
  // The ring may have forgotten that another topic of the filter is finished.
  const bool may_be_over =
      !page.finished && filter.is_literal() && filter.patterns().size() > 1 &&
      std::any_of(page.frames.begin(), page.frames.end(), [](const FramePtr& frame) { return frame->finishes_topic; });
  if (may_be_over) return std::nullopt;
  return page;
}

Feed::Page Feed::State::scan(std::uint64_t sequence, const TopicFilter& filter) const {
  PageScan scan(filter, sequence);
  std::vector<FramePtr> frames;
  std::vector<FramePtr> some;
  bool at_head = false;
  std::uint64_t oldest = 0;
  while (!at_head && !scan.is_full()) {
    {
      const MutexLock lock(mutex);
      if (scan.through() == sequence && !is_in_memory(sequence)) return {.frames = {}, .stored = true};
      oldest = ring.oldest();
      if (scan.through() == sequence && sequence + 1 < oldest) {
        return expired_page(sequence, oldest, ring.first_after(sequence, filter));
      }
      // Entries have expired meanwhile: the page ends with those already copied.
      if (scan.through() + 1 < oldest) break;
      ring.copy_after(scan.through(), kCopiedAtOnce, some);
      at_head = scan.through() + some.size() >= ring.head();
    }
    for (const FramePtr& frame : some) {
      if (scan.is_full()) {
        at_head = false;
        break;
      }
      take_wanted(frame, scan, frames);
    }
  }
  return {.frames = std::move(frames), .through = scan.through(), .at_head = at_head, .work = scan.work()};
}

std::optional<Feed::Page> Feed::State::newest_in_memory(const Place& place, const TopicFilter& filter) const {
  if (store == nullptr) return newest_page_of(ring, place, filter);
  if (!is_in_memory(place.sequence)) return std::nullopt;
  Page page = newest_page_of(ring, {place.sequence, place.reads, place.until, UINT64_MAX}, filter);
  // The ring may have forgotten that another topic of the filter is finished.
  const bool may_be_over = place.reads == Place::Reads::kNewest && !page.finished && filter.patterns().size() > 1 &&
                           ring.has_finished_after(place.sequence, filter);
  if (may_be_over) return std::nullopt;
  return page;
}

// Copies before it matches, as scan() does.
Feed::Page Feed::State::scan_newest(const Place& place, const TopicFilter& filter) const {
  PageScan scan(filter, place.sequence);
  std::vector<FramePtr> frames;
  std::vector<RingEventLog::NewestEvent> some;
  std::uint64_t copied_through = place.sequence;
  bool is_complete = false;
  bool at_head = false;
  while (!is_complete && !scan.is_full()) {
    {
      const MutexLock lock(mutex);
      if (!is_in_memory(place.sequence)) return {.frames = {}, .stored = true};
      if (store == nullptr && has_forgotten(ring.forgotten(), place)) return forgotten_page(ring.forgotten(), place);
      copied_through = ring.copy_newest(place, copied_through, kCopiedAtOnce, some);
      is_complete = copied_through >= std::min(place.until, ring.head());
      at_head = is_complete && place.reads == Place::Reads::kNewest;
    }
    if (!RingEventLog::take_newest(some, scan, frames)) {
      return {.frames = std::move(frames), .through = scan.through(), .work = scan.work()};
    }
  }
  return {.frames = std::move(frames), .through = copied_through, .at_head = at_head, .work = scan.work()};
}

Feed::Page Feed::State::stored_page(const Place& place, const TopicFilter& filter) {
  const bool reads_all = place.reads == Place::Reads::kEverything;
  Page page = reads_all ? page_of(*stored, place.sequence, filter) : newest_page_of(*stored, place, filter);
  page.at_head = false;  // more may be published before the page arrives: the reader looks into memory next
  TopicMatcher matcher(filter);
  for (FramePtr& frame : page.frames) {
    frame = as_reached_by(std::move(frame), matcher);
    PinnedBytes::begin_gone(*frame);  // only the page holds it
  }
  return page;
}

Feed::Page Feed::read(const Place& place, const TopicFilter& filter) const {
  const bool reads_all = place.reads == Place::Reads::kEverything;
  Page page{.frames = {}, .stored = true};
  if (!filter.is_literal()) {
    page = reads_all ? state_->scan(place.sequence, filter) : state_->scan_newest(place, filter);
  }
  const MutexLock lock(state_->mutex);
  if (filter.is_literal()) {
    auto found = reads_all ? state_->page_in_memory(place.sequence, filter) : state_->newest_in_memory(place, filter);
    if (found) page = std::move(*found);
  }
  page.behind = state_->ring.head() - std::min(state_->ring.head(), place.sequence);
  return page;
}

}  // namespace millrace
