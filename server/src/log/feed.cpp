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

// Entries that are copied out of the log while its lock is held: some microseconds.
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
             {.events = options.history_events, .bytes = options.history_bytes, .age = options.history_age},
             stored != nullptr ? stored->head() : 0, &pinned),
        store(std::move(options.store)) {}

  // The log that has everything: the ring, which needs the mutex, or the store, which may wait.
  const EventLog& log() const NO_THREAD_SAFETY_ANALYSIS {
    return stored != nullptr ? static_cast<const EventLog&>(*stored) : ring;
  }

  // Whether the ring holds what comes behind `sequence`, as far as the log does.
  bool is_in_memory(std::uint64_t sequence) const REQUIRES(mutex) {
    // Where the cursor is itself in memory, so is the finish it may have seen.
    return store == nullptr || sequence >= ring.oldest() || sequence >= ring.head();
  }

  // The next page for a filter with wildcards. What is looked at is copied first, some at a time: so whoever publishes
  // waits for the copying of a few pointers at most, not for the matching.
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;

  // The ring's next page, if that is in it.
  std::optional<Page> page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const REQUIRES(mutex);

  // Where an ID leads that the ring does not know.
  Cursor look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head) const;

  // Where memory runs out in here, the program ends: a log that has half of an event, or a loop that has missed one,
  // would be loss in silence.
  void post(const FramePtr& frame) noexcept REQUIRES(mutex) {
    if (frame == nullptr) return;
    for (Sink* sink : sinks) sink->post(frame);
  }

  // Has the log take them, and hands out what it has taken.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) {
    if (store != nullptr) return store->append(publications, sequences);
    append_to_ring(publications, clock(), sequences);
  }

  void append_to_ring(std::span<const Publication> publications, TimePoint now,
                      std::span<std::uint64_t> sequences) noexcept {
    const MutexLock lock(mutex);
    for (std::size_t i = 0; i < publications.size(); ++i) {
      const FramePtr frame = ring.append(publications[i], now);
      sequences[i] = frame != nullptr ? frame->sequence : 0;
      post(frame);
    }
  }

  // What the store has made sure of. Each entry becomes a frame here, once, before anybody waits for the lock.
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
      if (frame->sequence <= ring.head()) continue;  // it has been here
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
  const std::unique_ptr<StoredLog> stored;  // where there is a store
  mutable Mutex mutex;
  RingEventLog ring GUARDED_BY(mutex);
  std::vector<Sink*> sinks GUARDED_BY(mutex);
  // These have threads, which use what is above.
  const std::shared_ptr<EventStore> store;  // may be null
  std::unique_ptr<PageReader> reader;       // where there is a store
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

// The log's next page, as a feed hands it out.
Feed::Page page_of(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  EventLog::Page page = log.read_after(sequence, filter);
  if (sequence + 1 < page.oldest) return {.frames = {}, .through = page.oldest - 1, .expired = true};
  // Asked for after the page, so that a finish which the page has not reached cannot end it.
  const auto finished_at = log.finished_at(filter, sequence);
  // What comes behind the end is for those who come then.
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

// Whether who has seen all up to `sequence` has seen the end of all its topics.
bool is_over(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  if (sequence + 1 < log.oldest()) return false;
  const auto finished_at = log.finished_at(filter, sequence);
  if (!finished_at) return false;
  // Nothing but the finish itself may be left.
  const auto page = log.read_after(sequence, filter);
  return page.frames.empty() || page.frames.front()->sequence >= *finished_at;
}

}  // namespace

std::optional<Feed::Page> Feed::State::page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const {
  if (store == nullptr) return page_of(ring, sequence, filter);
  if (!is_in_memory(sequence)) return std::nullopt;
  Page page = page_of(ring, sequence, filter);
  // That another of its topics is finished, the ring may have forgotten.
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
  // What was looked at before the log moved on past it is a page all the same.
  if (scan.through() == sequence && sequence + 1 < oldest) {
    return {.frames = {}, .through = oldest - 1, .expired = true};
  }
  return {.frames = std::move(frames), .through = scan.through(), .at_head = at_head, .work = scan.work()};
}

Feed::Feed(Options options) {
  auto on_store_status = std::move(options.on_store_status);
  state_ = std::make_unique<State>(std::move(options));
  State& shared = *state_;
  static_cast<void>(id_of(std::numeric_limits<std::uint64_t>::max()));  // an epoch that makes no IDs ends it here
  if (shared.store == nullptr) return;
  shared.reader = std::make_unique<PageReader>([&shared](std::uint64_t sequence, const TopicFilter& filter) {
    Page page = page_of(*shared.stored, sequence, filter);
    page.at_head = false;  // more may be published before it arrives: the memory tells
    for (const FramePtr& frame : page.frames) shared.pinned.evict(*frame);  // the page's alone
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
          .store = store};
}

StoreStatus Feed::status() const {
  return state_->store != nullptr ? state_->store->status() : StoreStatus();
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

Feed::Cursor Feed::resolve(std::string_view last_event_id, const TopicFilter* filter) const {
  MutexLock lock(state_->mutex);
  RingEventLog& ring = state_->ring;
  ring.expire(state_->clock());
  const std::uint64_t head = ring.head();
  if (last_event_id.empty()) return {.sequence = head};
  // What is in memory needs no store, which may not be there now, or not find yet by its ID what it has handed over.
  if (const auto own = own_sequence(last_event_id, ring.epoch()); own && *own <= head && *own + 1 >= ring.oldest()) {
    return {.sequence = *own};
  }
  const auto known = filter != nullptr ? ring.find(last_event_id, *filter) : std::nullopt;
  if (state_->store == nullptr)
    return known ? Cursor{.sequence = *known} : state_->look_up(last_event_id, filter, head);
  // A store is asked without the lock, since it may take its time.
  lock.unlock();
  try {
    if (!known) return state_->look_up(last_event_id, filter, head);
    // Another event with this ID may be older than what is in memory.
    return {.sequence = std::min(*known, state_->store->find(last_event_id, *filter).value_or(*known))};
  } catch (const StoreUnavailable&) {
    // Of one topic, it would have to be another publisher's.
    if (known && filter->is_literal() && filter->patterns().size() == 1) return {.sequence = *known};
    throw;
  }
}

// Without a store, under the mutex; with one, without.
Feed::Cursor Feed::State::look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  if (last_event_id == protocol::kEarliest) return {.sequence = before_oldest};
  auto sequence = own_sequence(last_event_id, log().epoch());
  if (!sequence && filter != nullptr) sequence = log().find(last_event_id, *filter);
  if (!sequence && store != nullptr) {
    store->catch_up_with_others();
    const MutexLock lock(mutex);
    if (filter != nullptr) sequence = ring.find(last_event_id, *filter);
    if (sequence) return {.sequence = *sequence};
  }
  // Another server of the store's may have been faster than this one.
  const bool is_there = sequence && (*sequence <= head || (store != nullptr && store->catch_up(*sequence)));
  if (!is_there) return {.sequence = before_oldest, .gap_reason = "unknown"};
  if (*sequence < before_oldest) return {.sequence = before_oldest, .gap_reason = "expired"};
  return {.sequence = *sequence};
}

bool Feed::is_over(const Cursor& cursor, const TopicFilter& filter) const {
  if (!cursor.gap_reason.empty() || !filter.is_literal()) return false;
  MutexLock lock(state_->mutex);
  // What the memory knows of the end is true, also while the store cannot be asked.
  if (millrace::is_over(state_->ring, cursor.sequence, filter)) return true;
  if (state_->store == nullptr) return false;
  const bool is_in_memory = cursor.sequence + 1 >= state_->ring.oldest();
  lock.unlock();
  try {
    return millrace::is_over(*state_->stored, cursor.sequence, filter);
  } catch (const StoreUnavailable&) {
    // The memory may have forgotten the end. A stream that stays open is better than none, which many a client takes
    // for the end.
    if (is_in_memory) return false;
    throw;
  }
}

Feed::Page Feed::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  if (!filter.is_literal()) return state_->scan(sequence, filter);
  const MutexLock lock(state_->mutex);
  if (auto page = state_->page_in_memory(sequence, filter)) return std::move(*page);
  return {.frames = {}, .stored = true};
}

void Feed::read_stored(Sink& sink, std::uint64_t ticket, std::uint64_t sequence,
                       std::shared_ptr<const TopicFilter> filter) const {
  state_->reader->request(sink, ticket, sequence, std::move(filter));
}

PinnedBytes& Feed::pinned() const {
  return state_->pinned;
}

OwnedEventId Feed::id_of(std::uint64_t sequence) const {
  return millrace::id_of(state_->epoch(), sequence);
}

}  // namespace millrace
