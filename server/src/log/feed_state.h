// Feed::State: what a feed consists of. feed.cpp appends to it, feed_pages.cpp reads it, and feed_positions.cpp finds
// the place of a client in it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event_log.h"
#include "feed.h"
#include "mutex.h"
#include "page_reader.h"
#include "pinned_bytes.h"
#include "ring_event_log.h"
#include "stored_log.h"

namespace millrace {

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
  Cursor after(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head) const;
  // The same for a client whose ID has expired or is unknown.
  Cursor gap_after(std::uint64_t sequence, const TopicFilter* filter, bool latest, std::uint64_t head,
                   std::string_view reason) const;
  // The sequence before the log's first event for the filter: a retained event, or its oldest entry.
  std::uint64_t before_first(std::uint64_t sequence, const TopicFilter* filter) const;

  // The next page from the store, as the place reads it. Waits for the store.
  Page stored_page(const Place& place, const TopicFilter& filter);

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

  // If memory runs out in one of these, the program ends, because half of an event in the log, or a loop that misses
  // one, would be a silent loss.
  void post(const FramePtr& frame) noexcept REQUIRES(mutex);
  void append_to_ring(std::span<const Publication> publications, std::span<FramePtr> encoded, TimePoint now,
                      std::span<std::uint64_t> sequences) noexcept REQUIRES(mutex);
  // Takes the entries that the store has committed.
  void follow(std::span<const LogEntry> entries) noexcept;

  // Appends them to the log, and posts the new frames.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences);

  // Never changes.
  const std::string& epoch() const NO_THREAD_SAFETY_ANALYSIS { return ring.epoch(); }

  const std::size_t max_event_bytes;
  const std::function<TimePoint()> clock;
  const std::function<std::chrono::system_clock::time_point()> time;
  PinnedBytes pinned;
  SharedLatencyHistogram store_appends;
  const std::unique_ptr<StoredLog> stored;  // null without a store
  mutable Mutex mutex;
  RingEventLog ring GUARDED_BY(mutex);
  std::vector<Sink*> sinks GUARDED_BY(mutex);
  // The threads of these members use those above.
  const std::shared_ptr<EventStore> store;  // may be null
  std::unique_ptr<PageReader> reader;       // null without a store
  bool is_started = false;                  // the store
};

}  // namespace millrace
