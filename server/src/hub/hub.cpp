#include "millrace/server/hub.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "../log/event_log.h"
#include "../log/ring_event_log.h"
#include "../stream/pinned_bytes.h"
#include "millrace/core/protocol.h"
#include "page_reader.h"

namespace millrace {

namespace {

// Entries that are copied out of the log while its lock is held: some microseconds.
constexpr std::size_t kCopiedAtOnce = 64;

}  // namespace

struct Hub::Shared {
  explicit Shared(Options options)
      : max_event_bytes(
            std::min(options.history_bytes, options.store != nullptr ? options.store->max_event_bytes() : SIZE_MAX)),
        clock(std::move(options.clock)),
        pinned(options.max_pinned_bytes),
        ring(options.store != nullptr ? options.store->epoch() : options.epoch,
             {.events = options.history_events, .bytes = options.history_bytes, .age = options.history_age},
             options.store != nullptr ? options.store->head() : 0, &pinned),
        store(std::move(options.store)) {}

  // The log that has everything. What is not of the ring may wait.
  const EventLog& log() const { return store != nullptr ? static_cast<const EventLog&>(*store) : ring; }

  // Whether the ring holds what comes behind `sequence`, as far as the log does. Under the mutex.
  bool is_in_memory(std::uint64_t sequence) const {
    // Where the cursor is itself in memory, so is the finish it may have seen.
    return store == nullptr || sequence >= ring.oldest() || sequence >= ring.head();
  }

  // The next page for a filter with wildcards. What is looked at is copied first, some at a time: so whoever publishes
  // waits for the copying of a few pointers at most, not for the matching.
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;

  // The ring's next page, if that is in it. Under the mutex.
  std::optional<Page> page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const;

  // Where an ID leads that the ring does not know.
  Cursor look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head) const;

  // Where memory runs out in here, the program ends: a log that has half of an event, or a loop that has missed one,
  // would be loss in silence.
  void post(const FramePtr& frame) noexcept {
    if (frame == nullptr) return;
    for (Sink* sink : sinks) sink->post(frame);
  }

  // Has the log take them, and hands out what it has taken.
  void append(std::span<const Publication> publications, std::span<FramePtr> appended) {
    const TimePoint now = clock();
    if (store != nullptr) return store->append(publications, now, appended);
    append_to_ring(publications, now, appended);
  }

  void append_to_ring(std::span<const Publication> publications, TimePoint now, std::span<FramePtr> appended) noexcept {
    const std::lock_guard lock(mutex);
    ring.append(publications, now, appended);
    for (const FramePtr& frame : appended) post(frame);
  }

  // What the store has made sure of.
  void follow(std::span<const FramePtr> frames) noexcept {
    const std::lock_guard lock(mutex);
    for (const FramePtr& frame : frames) {
      ring.follow(frame);
      post(frame);
    }
  }

  const std::size_t max_event_bytes;
  const std::function<TimePoint()> clock;
  PinnedBytes pinned;
  mutable std::mutex mutex;
  RingEventLog ring;         // guarded by mutex, but for its epoch
  std::vector<Sink*> sinks;  // guarded by mutex
  std::atomic<std::uint64_t> publishes = 0;
  std::atomic<std::uint64_t> repeated = 0;
  // These have threads, which use what is above.
  const std::shared_ptr<EventStore> store;  // may be null
  std::unique_ptr<PageReader> reader;       // where there is a store
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

// The log's next page, as a hub hands it out.
Hub::Page page_of(const EventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
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

std::optional<Hub::Page> Hub::Shared::page_in_memory(std::uint64_t sequence, const TopicFilter& filter) const {
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

Hub::Page Hub::Shared::scan(std::uint64_t sequence, const TopicFilter& filter) const {
  PageScan scan(filter, sequence);
  std::vector<FramePtr> some;
  bool at_head = false;
  std::uint64_t oldest = 0;
  while (!at_head && !scan.is_full()) {
    {
      const std::lock_guard lock(mutex);
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
      if (scan.wants(frame->sequence, *frame->topic)) scan.add(std::move(frame));
    }
  }
  // What was looked at before the log moved on past it is a page all the same.
  if (scan.through() == sequence && sequence + 1 < oldest) {
    return {.frames = {}, .through = oldest - 1, .expired = true};
  }
  EventLog::Page page = scan.take(oldest);
  return {.frames = std::move(page.frames), .through = page.through, .at_head = at_head, .work = page.work};
}

Hub::Hub(Options options) : shared_(std::make_unique<Shared>(std::move(options))) {
  Shared& shared = *shared_;
  if (shared.store == nullptr) return;
  shared.reader = std::make_unique<PageReader>([&shared](std::uint64_t sequence, const TopicFilter& filter) {
    Page page = page_of(*shared.store, sequence, filter);
    page.at_head = false;  // more may be published before it arrives: the memory tells
    for (const FramePtr& frame : page.frames) shared.pinned.evict(*frame);  // the page's alone
    return page;
  });
  shared.store->start([&shared](std::span<const FramePtr> frames) { shared.follow(frames); });
}

Hub::~Hub() = default;

std::string Hub::refusal(Topic topic) {
  return topic.is_reserved() ? "topic: topics that begin with \"millrace.\" are reserved" : std::string();
}

std::string Hub::refusal(Topic topic, const Event& event) const {
  if (std::string reason = refusal(topic); !reason.empty()) return reason;
  const std::string_view id = event.id.view();
  if (!event.id.returns_in_a_header()) {
    return "id: must be UTF-8 without control characters, and neither begin nor end with a blank: a client could not "
           "send it back in Last-Event-ID";
  }
  if (id == protocol::kEarliest) return "id: \"earliest\" is reserved";
  if (id.starts_with(protocol::kReservedPrefix)) return "id: IDs that begin with \"millrace.\" are reserved";
  if (id.starts_with(shared_->ring.epoch() + '-')) return "id: IDs of the form <epoch>-<number> are the log's own";
  if (is_from_memory(id)) {
    return "id: a client could have it from this server before it was started anew, since logs in memory give IDs of "
           "this form; leave it out, or put a name before it, as in upstream:" +
           std::string(id);
  }
  if (event.type.view().starts_with(protocol::kReservedPrefix)) {
    return "event: types that begin with \"millrace.\" are reserved";
  }
  if (event.data.size() > shared_->max_event_bytes) {
    return "data: larger than the log takes (" + std::to_string(shared_->max_event_bytes) + " bytes)";
  }
  return {};
}

Topic Hub::topic_of(std::string_view text) {
  if (const auto topic = Topic::parse(text)) return *topic;
  throw std::invalid_argument(
      "topic: \"" + std::string(text) + "\" is not a topic: 1 to " + std::to_string(kMaxTopicBytes) +
      " bytes of segments separated by /, none of them empty, without * and control characters");
}

Published Hub::publish(Topic topic, const Event& event, std::string_view publisher) {
  const Publication publication{.topic = topic, .event = event, .publisher = publisher};
  return std::move(publish({&publication, 1}).front());
}

std::vector<Published> Hub::publish(std::span<const Publication> publications) {
  for (const Publication& publication : publications) {
    const bool is_event = publication.kind == Publication::Kind::kEvent;
    std::string reason = is_event ? refusal(publication.topic, publication.event) : refusal(publication.topic);
    if (!reason.empty()) throw std::invalid_argument(reason);
  }
  std::vector<FramePtr> appended(publications.size());
  shared_->append(publications, appended);
  std::vector<Published> result(publications.size());
  for (std::size_t i = 0; i < publications.size(); ++i) {
    if (publications[i].kind != Publication::Kind::kEvent) continue;
    const std::string_view own = publications[i].event.id.view();
    result[i].repeated = appended[i] == nullptr;
    result[i].id = own.empty() ? id_of(appended[i]->sequence) : std::string(own);
    ++(result[i].repeated ? shared_->repeated : shared_->publishes);
  }
  return result;
}

void Hub::finish(Topic topic) {
  const Publication publication{.topic = topic, .kind = Publication::Kind::kFinish};
  publish({&publication, 1});
}

void Hub::begin(Topic topic) {
  const Publication publication{.topic = topic, .kind = Publication::Kind::kBegin};
  publish({&publication, 1});
}

Hub::Statistics Hub::statistics() const {
  std::optional<StoreStatistics> store;
  if (shared_->store != nullptr) store = shared_->store->statistics();
  const std::lock_guard lock(shared_->mutex);
  const RingEventLog& ring = shared_->ring;
  return {.publishes = shared_->publishes,
          .repeated = shared_->repeated,
          .evictions = ring.oldest() - 1,
          .entries = ring.entries(),
          .bytes = ring.bytes(),
          .store = store};
}

std::string Hub::trouble() const {
  return shared_->store != nullptr ? shared_->store->trouble() : std::string();
}

void Hub::attach(Sink& sink) {
  const std::lock_guard lock(shared_->mutex);
  shared_->sinks.push_back(&sink);
}

void Hub::detach(Sink& sink) {
  {
    const std::lock_guard lock(shared_->mutex);
    std::erase(shared_->sinks, &sink);
  }
  if (shared_->reader != nullptr) shared_->reader->forget(sink);
}

Hub::Cursor Hub::resolve(std::string_view last_event_id, const TopicFilter* filter) const {
  std::unique_lock lock(shared_->mutex);
  RingEventLog& ring = shared_->ring;
  ring.expire(shared_->clock());
  const std::uint64_t head = ring.head();
  if (last_event_id.empty()) return {.sequence = head};
  // What is in memory needs no store, which may not be there now, or not find yet by its ID what it has handed over.
  if (const auto own = own_sequence(last_event_id, ring.epoch()); own && *own <= head && *own + 1 >= ring.oldest()) {
    return {.sequence = *own};
  }
  const auto known = filter != nullptr ? ring.find(last_event_id, *filter) : std::nullopt;
  if (shared_->store == nullptr)
    return known ? Cursor{.sequence = *known} : shared_->look_up(last_event_id, filter, head);
  // A store is asked without the lock, since it may take its time.
  lock.unlock();
  try {
    if (!known) return shared_->look_up(last_event_id, filter, head);
    // Another event with this ID may be older than what is in memory.
    return {.sequence = std::min(*known, shared_->store->find(last_event_id, *filter).value_or(*known))};
  } catch (const StoreUnavailable&) {
    // Of one topic, it would have to be another publisher's.
    if (known && filter->is_literal() && filter->patterns().size() == 1) return {.sequence = *known};
    throw;
  }
}

// Without a store, under the mutex; with one, without.
Hub::Cursor Hub::Shared::look_up(std::string_view last_event_id, const TopicFilter* filter, std::uint64_t head) const {
  const std::uint64_t before_oldest = log().oldest() - 1;
  if (last_event_id == protocol::kEarliest) return {.sequence = before_oldest};
  auto sequence = own_sequence(last_event_id, log().epoch());
  if (!sequence && filter != nullptr) sequence = log().find(last_event_id, *filter);
  if (!sequence && store != nullptr) {
    store->catch_up_with_others();
    const std::lock_guard lock(mutex);
    if (filter != nullptr) sequence = ring.find(last_event_id, *filter);
    if (sequence) return {.sequence = *sequence};
  }
  // Another server of the store's may have been faster than this one.
  const bool is_there = sequence && (*sequence <= head || (store != nullptr && store->catch_up(*sequence)));
  if (!is_there) return {.sequence = before_oldest, .gap_reason = "unknown"};
  if (*sequence < before_oldest) return {.sequence = before_oldest, .gap_reason = "expired"};
  return {.sequence = *sequence};
}

bool Hub::is_over(const Cursor& cursor, const TopicFilter& filter) const {
  if (!cursor.gap_reason.empty() || !filter.is_literal()) return false;
  std::unique_lock lock(shared_->mutex);
  // What the memory knows of the end is true, also while the store cannot be asked.
  if (millrace::is_over(shared_->ring, cursor.sequence, filter)) return true;
  if (shared_->store == nullptr) return false;
  const bool is_in_memory = cursor.sequence + 1 >= shared_->ring.oldest();
  lock.unlock();
  try {
    return millrace::is_over(*shared_->store, cursor.sequence, filter);
  } catch (const StoreUnavailable&) {
    // The memory may have forgotten the end. A stream that stays open is better than none, which many a client takes
    // for the end.
    if (is_in_memory) return false;
    throw;
  }
}

Hub::Page Hub::read_after(std::uint64_t sequence, const TopicFilter& filter) const {
  if (!filter.is_literal()) return shared_->scan(sequence, filter);
  const std::lock_guard lock(shared_->mutex);
  if (auto page = shared_->page_in_memory(sequence, filter)) return std::move(*page);
  return {.frames = {}, .stored = true};
}

void Hub::read_stored(Sink& sink, std::uint64_t ticket, std::uint64_t sequence,
                      std::shared_ptr<const TopicFilter> filter) const {
  shared_->reader->request(sink, ticket, sequence, std::move(filter));
}

PinnedBytes& Hub::pinned() const {
  return shared_->pinned;
}

std::string Hub::id_of(std::uint64_t sequence) const {
  return millrace::id_of(shared_->ring.epoch(), sequence);
}

}  // namespace millrace
