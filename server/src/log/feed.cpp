#include "feed.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "event_log.h"
#include "millrace/core/protocol.h"
#include "mutex.h"
#include "page_reader.h"
#include "pinned_bytes.h"
#include "ring_event_log.h"
#include "stored_log.h"

namespace millrace {

namespace {

// Entries copied from the log under one lock: some microseconds.
constexpr std::size_t kCopiedAtOnce = 64;

}  // namespace

struct Feed::State {
  ~State() {
    reader.reset();
    if (is_started) store->stop();
  }
  explicit State(Options options)
      : max_event_bytes(
            std::min(options.history_bytes, options.store != nullptr ? options.store->max_event_bytes() : SIZE_MAX)),
        clock(std::move(options.clock)),
        time(std::move(options.time)),
        pinned(options.max_pinned_bytes),
        stored(options.store != nullptr ? std::make_unique<StoredLog>(options.store) : nullptr),
        ring(stored != nullptr ? stored->epoch() : options.epoch,
             {.events = options.history_events,
              .bytes = options.history_bytes,
              .age = options.history_age,
              .retained_topics = options.max_retained_topics,
              .retained_bytes = options.max_retained_bytes},
             stored != nullptr ? stored->head() : 0, &pinned),
        store(std::move(options.store)) {}

  // The complete log: the ring, which needs the mutex, or the store, which may wait.
  const EventLog& log() const NO_THREAD_SAFETY_ANALYSIS {
    return stored != nullptr ? static_cast<const EventLog&>(*stored) : ring;
  }

  // Whether the ring holds everything that the log has after `sequence`.
  bool is_in_memory(std::uint64_t sequence) const REQUIRES(mutex) {
    // If the cursor's entry is in memory, so is a finish that the reader may have seen.
    return store == nullptr || sequence >= ring.oldest() || sequence >= ring.head();
  }

  // The position of a client that has seen everything up to `sequence`.
  Cursor behind(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head) const;
  // The same for a client whose ID has expired or is unknown.
  Cursor gap_behind(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head,
                    std::string_view reason) const;
  // The sequence before the log's first event for the filter: a retained event, or its oldest entry.
  std::uint64_t before_first(std::uint64_t sequence, const TopicFilter* filter) const;

  // The next page of newest events for a filter with wildcards.
  Page scan_newest(const Place& place, const TopicFilter& filter) const;
  // The same without wildcards, if it is in memory.
  std::optional<Page> newest_in_memory(const Place& place, const TopicFilter& filter) const REQUIRES(mutex);

  // The next page for a filter with wildcards. Copies some entries at a time before it matches them, so that publishers
  // wait only for the copying of a few pointers.
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;

  // The next page, if it is in the ring.
  std::optional<Page> page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const REQUIRES(mutex);

  // The position for an ID that the ring does not know.
  Cursor look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head, bool latest) const;

  // If memory runs out here, the program ends, because half of an event in the log, or a loop that misses one, would be
  // a silent loss.
  void post(const FramePtr& frame) noexcept REQUIRES(mutex) {
    if (frame == nullptr) return;
    for (Sink* sink : sinks) sink->post(frame);
  }

  // Appends them to the log, and posts the new frames.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
    if (store != nullptr) return store->append(publications, sequences);
    const TimePoint now = clock();
    const MutexLock lock(mutex);
    std::vector<FramePtr> encoded;
    if (const auto refusal = ring.refusal(publications, now, encoded)) throw RetentionRefused(*refusal);
    append_to_ring(publications, encoded, now, sequences);
  }

  void append_to_ring(std::span<const Publication> publications, std::span<FramePtr> encoded, TimePoint now,
                      std::span<std::uint64_t> sequences) noexcept REQUIRES(mutex) {
    for (std::size_t i = 0; i < publications.size(); ++i) {
      const FramePtr frame = ring.append(publications[i], now, i < encoded.size() ? std::move(encoded[i]) : nullptr);
      sequences[i] = frame != nullptr ? frame->sequence : 0;
      post(frame);
    }
  }

  // Takes the entries that the store has committed. Makes their frames before it takes the lock.
  void follow(std::span<const LogEntry> entries) noexcept {
    const TimePoint now = clock();
    const auto time_now = time();
    std::vector<FramePtr> frames;
    frames.reserve(entries.size());
    for (const LogEntry& entry : entries) {
      const auto age = std::chrono::duration_cast<Duration>(time_now - entry.published);
      frames.push_back(frame_of(epoch(), entry, now - std::max(Duration{0}, age)));
    }
    const MutexLock lock(mutex);
    for (FramePtr& frame : frames) {
      if (frame->sequence <= ring.head()) continue;  // already in the ring
      ring.follow(frame);
      post(frame);
    }
  }

  // Never changes.
  const std::string& epoch() const NO_THREAD_SAFETY_ANALYSIS { return ring.epoch(); }

  const std::size_t max_event_bytes;
  const std::function<TimePoint()> clock;
  const std::function<std::chrono::system_clock::time_point()> time;
  PinnedBytes pinned;
  const std::unique_ptr<StoredLog> stored;  // null without a store
  mutable Mutex mutex;
  RingEventLog ring GUARDED_BY(mutex);
  std::vector<Sink*> sinks GUARDED_BY(mutex);
  // The threads of these members use those above.
  const std::shared_ptr<EventStore> store;  // may be null
  std::unique_ptr<PageReader> reader;       // null without a store
  bool is_started = false;                  // the store
};

namespace {

// The sequence in an ID that this log gave: `<epoch>-<digits>`.
std::optional<std::uint64_t> own_sequence(std::string_view id, std::string_view epoch) {
  if (!id.starts_with(epoch) || id.substr(epoch.size(), 1) != "-") return std::nullopt;
  id.remove_prefix(epoch.size() + 1);
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), sequence);
  if (error != std::errc{} || end != id.data() + id.size()) return std::nullopt;
  return sequence;
}

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

// Whether a reader that has seen everything up to `sequence` has seen the end of all its topics.
bool is_over(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  if (sequence + 1 < log.oldest()) return false;
  const auto finished_at = log.finished_at(filter, sequence);
  if (!finished_at) return false;
  // At most the finish itself may be left.
  const auto page = log.read_after(sequence, filter);
  return page.frames.empty() || page.frames.front()->sequence >= *finished_at;
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
    for (FramePtr& frame : some) {
      if (scan.is_full()) {
        at_head = false;
        break;
      }
      if (!scan.wants(frame->sequence, *frame->topic)) continue;
      scan.add(frame->bytes.size());
      frames.push_back(std::move(frame));
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
  std::vector<FramePtr> some;
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
    for (FramePtr& frame : some) {
      if (scan.is_full()) return {.frames = std::move(frames), .through = scan.through(), .work = scan.work()};
      if (!scan.wants(frame->sequence, *frame->topic)) continue;
      scan.add(frame->bytes.size());
      frames.push_back(std::move(frame));
    }
  }
  return {.frames = std::move(frames), .through = copied_through, .at_head = at_head, .work = scan.work()};
}

Feed::Feed(Options options) {
  auto on_store_status = std::move(options.on_store_status);
  state_ = std::make_unique<State>(std::move(options));
  State& shared = *state_;
  static_cast<void>(id_of(std::numeric_limits<std::uint64_t>::max()));  // throws if the epoch is invalid in IDs
  if (shared.store == nullptr) return;
  shared.reader = std::make_unique<PageReader>([&shared](const Place& place, const TopicFilter& filter) {
    const bool reads_all = place.reads == Place::Reads::kEverything;
    Page page =
        reads_all ? page_of(*shared.stored, place.sequence, filter) : newest_page_of(*shared.stored, place, filter);
    page.at_head = false;  // more may be published before the page arrives: the reader looks into memory next
    for (const FramePtr& frame : page.frames) shared.pinned.evict(*frame);  // only the page holds it
    return page;
  });
  if (on_store_status == nullptr) on_store_status = [](const StoreStatus&) {};
  shared.store->start({.on_appended = [&shared](std::span<const LogEntry> entries) { shared.follow(entries); },
                       .on_status = std::move(on_store_status)});
  shared.is_started = true;
}

Feed::~Feed() = default;

void Feed::append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
  state_->append(publications, sequences);
}

const std::string& Feed::epoch() const {
  return state_->epoch();
}

bool Feed::retains() const {
  return state_->store == nullptr || state_->store->retains();
}

std::size_t Feed::max_event_bytes() const {
  return state_->max_event_bytes;
}

Feed::Statistics Feed::statistics() const {
  std::optional<StoreStatistics> store;
  if (state_->store != nullptr) store = state_->store->statistics();
  const MutexLock lock(state_->mutex);
  return {.evictions = state_->ring.oldest() - 1,
          .entries = state_->ring.entries(),
          .bytes = state_->ring.bytes(),
          .retained_topics = state_->ring.retained_topics(),
          .retained_bytes = state_->ring.retained_bytes(),
          .store = store};
}

StoreStatus Feed::status() const {
  return state_->store != nullptr ? state_->store->status() : StoreStatus();
}

Durability Feed::durability() const {
  return state_->store != nullptr ? state_->store->durability() : Durability::kMemory;
}

void Feed::attach(Sink& sink) {
  const MutexLock lock(state_->mutex);
  state_->sinks.push_back(&sink);
}

void Feed::detach(Sink& sink) {
  {
    const MutexLock lock(state_->mutex);
    std::erase(state_->sinks, &sink);
  }
  if (state_->reader != nullptr) state_->reader->forget(sink);
}

Feed::Cursor Feed::resolve(std::string_view last_event_id, const TopicFilter* filter, bool latest) const {
  MutexLock lock(state_->mutex);
  RingEventLog& ring = state_->ring;
  ring.expire(state_->clock());
  const std::uint64_t head = ring.head();
  if (last_event_id.empty()) return {.sequence = head};
  // Looks into memory first: the store may be unavailable, or not find its newest entries by ID yet.
  if (const auto own = own_sequence(last_event_id, ring.epoch()); own && *own <= head && *own + 1 >= ring.oldest()) {
    return {.sequence = *own};
  }
  const auto known = filter != nullptr ? ring.find(last_event_id, *filter) : std::nullopt;
  if (state_->store == nullptr)
    return known ? state_->behind(*known, filter, latest, head) : state_->look_up(last_event_id, filter, head, latest);
  // Asks the store without the lock, because that may take long.
  lock.unlock();
  try {
    if (!known) return state_->look_up(last_event_id, filter, head, latest);
    // An older event with this ID may be in the store only.
    return {.sequence = std::min(*known, state_->store->find(last_event_id, *filter).value_or(*known))};
  } catch (const StoreUnavailable&) {
    // With a single topic, an older one could only be another publisher's.
    if (known && filter->is_literal() && filter->patterns().size() == 1) return {.sequence = *known};
    throw;
  }
}

// Called under the mutex without a store, and without the mutex with one.
Feed::Cursor Feed::State::look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head,
                                  bool latest) const {
  if (last_event_id == protocol::kEarliest) {
    const std::uint64_t before_oldest = log().oldest() - 1;
    const std::uint64_t begin = before_first(0, filter);
    return {.sequence = begin,
            .state_until = before_oldest,
            .forgiven = before_oldest,
            .is_before_all = begin < before_oldest};
  }
  if (last_event_id == protocol::kLatest) {
    return {.sequence = 0, .state_until = head, .forgiven = log().forgotten(), .is_before_all = head > 0};
  }
  auto sequence = own_sequence(last_event_id, log().epoch());
  if (!sequence && filter != nullptr) sequence = log().find(last_event_id, *filter);
  if (!sequence && store != nullptr) {
    store->catch_up_with_others();
    const MutexLock lock(mutex);
    if (filter != nullptr) sequence = ring.find(last_event_id, *filter);
    if (sequence) return {.sequence = *sequence};
  }
  // Another server that uses the store may be ahead of this one.
  const bool is_there = sequence && (*sequence <= head || (store != nullptr && store->catch_up(*sequence)));
  if (!is_there) return gap_behind(0, filter, latest, head, "unknown");
  return behind(*sequence, filter, latest, head);
}

Feed::Cursor Feed::State::behind(std::uint64_t sequence, const TopicFilter* filter, bool latest,
                                 std::uint64_t head) const {
  if (sequence + 1 >= log().oldest()) return {.sequence = sequence};
  const std::uint64_t forgotten = log().forgotten();
  if (!latest || forgotten > sequence) return gap_behind(sequence, filter, latest, head, "expired");
  return {.sequence = sequence, .state_until = head, .forgiven = forgotten};
}

std::uint64_t Feed::State::before_first(std::uint64_t sequence, const TopicFilter* filter) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  return filter == nullptr ? before_oldest : std::min(log().first_after(sequence, *filter) - 1, before_oldest);
}

Feed::Cursor Feed::State::gap_behind(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head,
                                     std::string_view reason) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  if (latest) {
    return {.sequence = before_first(sequence, filter),
            .gap_reason = reason,
            .state_until = head,
            .forgiven = log().forgotten()};
  }
  return {.sequence = before_first(sequence, filter),
          .gap_reason = reason,
          .state_until = before_oldest,
          .forgiven = before_oldest};
}

bool Feed::is_over(const Cursor& cursor, const TopicFilter& filter) const {
  if (!cursor.gap_reason.empty() || !filter.is_literal()) return false;
  // Finished topics have no state.
  const std::uint64_t seen = std::max(cursor.sequence, cursor.state_until);
  MutexLock lock(state_->mutex);
  // The ring's answer is right even while the store is unavailable.
  if (millrace::is_over(state_->ring, seen, filter)) return true;
  if (state_->store == nullptr) return false;
  const bool is_in_memory = seen + 1 >= state_->ring.oldest();
  lock.unlock();
  try {
    return millrace::is_over(*state_->stored, seen, filter);
  } catch (const StoreUnavailable&) {
    // The ring may have forgotten the end. Keeps the stream open rather than refuse it, which many clients take for the
    // end.
    if (is_in_memory) return false;
    throw;
  }
}

Feed::Page Feed::read(const Place& place, const TopicFilter& filter) const {
  const bool reads_all = place.reads == Place::Reads::kEverything;
  if (!filter.is_literal())
    return reads_all ? state_->scan(place.sequence, filter) : state_->scan_newest(place, filter);
  const MutexLock lock(state_->mutex);
  auto page = reads_all ? state_->page_in_memory(place.sequence, filter) : state_->newest_in_memory(place, filter);
  if (page) return std::move(*page);
  return {.frames = {}, .stored = true};
}

void Feed::read_stored(Sink& sink, std::uint64_t ticket, const Place& place,
                       std::shared_ptr<const TopicFilter> filter) const {
  state_->reader->request(sink, ticket, place, std::move(filter));
}

PinnedBytes& Feed::pinned() const {
  return state_->pinned;
}

OwnedEventId Feed::id_of(std::uint64_t sequence) const {
  return millrace::id_of(state_->epoch(), sequence);
}

}  // namespace millrace
