// Feed: the log and its readers. It passes appended entries to every sink, in order; readers that are behind read them
// page by page.
//
// The newest events are in memory. A store, if used, has all events. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/histogram.h"
#include "frame.h"
#include "millrace/core/time.h"
#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"
#include "millrace/server/publication.h"
#include "place.h"

namespace millrace {

class PinnedBytes;

class Feed {
 public:
  struct Options {
    std::size_t history_events;
    std::size_t history_bytes;
    std::optional<Duration> history_age = {};
    std::size_t max_pinned_bytes = kMaxPinnedBytes;
    std::size_t max_retained_topics = kMaxRetainedTopics;
    std::size_t max_retained_bytes = kMaxRetainedBytes;
    std::string epoch;                 ///< short random tag of this log; with a store, the store's counts instead
    std::function<TimePoint()> clock;  ///< monotonic; called from any thread
    std::shared_ptr<EventStore> store = nullptr;  ///< keeps events after the program ends; no other feed may use it
    std::function<void(const StoreStatus&)> on_store_status = nullptr;  ///< as EventStore::Callbacks::on_status
    /// The clock of the store's entries; called from any thread.
    std::function<std::chrono::system_clock::time_point()> time = [] { return std::chrono::system_clock::now(); };
  };

  explicit Feed(Options options);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Appends the publications in order, all or none, and passes them to the sinks; fills `sequences` like
  /// EventStore::append(). Throws StoreUnavailable if the store cannot append them now, RetentionRefused if one cannot
  /// be retained, IdConflict as EventStore::append() does. If memory for the log itself runs out, it calls
  /// std::terminate(), because a log with half of an event would lose others silently.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences);

  /// The tag of the IDs that the log gives.
  const std::string& epoch() const;
  /// The ID with which a client resumes after `sequence`.
  OwnedEventId id_of(std::uint64_t sequence) const;
  /// Whether the log keeps retained events beyond its bounds.
  bool retains() const;
  /// Whether an event can have several topics.
  bool takes_several_topics() const;
  /// The largest data of an event.
  std::size_t max_event_bytes() const;

  struct Statistics {
    std::uint64_t evictions = 0;  ///< entries removed from memory
    std::size_t entries = 0;      ///< entries in memory
    std::size_t bytes = 0;        ///< bytes of these entries
    std::size_t retained_topics = 0;
    std::size_t retained_bytes = 0;
    std::optional<StoreStatistics> store = {};
  };
  Statistics statistics() const;

  /// How long calls of EventStore::append() took that succeeded; null without a store.
  const SharedLatencyHistogram* store_appends() const;

  /// Whether events can be appended now, and why not.
  StoreStatus status() const;
  /// As EventStore::durability(); of a log in memory, that.
  Durability durability() const;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;  ///< up to here, no other event matches the filter
    std::uint64_t behind = 0;   ///< entries of all topics from the place to the head, of read()
    bool at_head = false;       ///< nothing follows `through`
    bool finished = false;      ///< the topics are finished, and nothing will follow `through`
    /// Events after the place are gone, and `frames` is empty. The reader continues after `through`, and reads up to
    /// `state_until` only the newest event of each topic.
    bool expired = false;
    std::uint64_t state_until = 0;
    std::uint64_t forgiven = 0;  ///< for an expired page: the new Place::forgiven
    bool stored = false;         ///< the events are not in memory: call read_stored(). No other field is set
    std::size_t work = 0;        ///< steps of reading
  };
  using PagePtr = std::shared_ptr<const Page>;

  class Sink {
   public:
    /// Takes every frame in order of sequence, under the feed's lock: must only queue it.
    virtual void post(const FramePtr& frame) = 0;
    /// Takes those that a store has committed together, likewise.
    virtual void post_group(std::span<const FramePtr> frames) {
      for (const FramePtr& frame : frames) post(frame);
    }
    /// Takes a page requested by read_stored(), on a thread of the feed: likewise.
    virtual void post_page(std::uint64_t /*ticket*/, const PagePtr& /*page*/) {}

   protected:
    ~Sink() = default;
  };
  void attach(Sink& sink);
  /// No call reaches the sink after it returns.
  void detach(Sink& sink);

  /// A client's position in the log: it has seen everything up to and including `sequence`.
  struct Cursor {
    std::uint64_t sequence = 0;
    std::string_view gap_reason = {};  ///< why the client's last event ID cannot be used; empty if it can
    /// Up to here the client gets the newest event of each topic, then every event; 0: every event.
    std::uint64_t state_until = 0;
    std::uint64_t forgiven = 0;  ///< as in Place

    /// The client has received nothing yet and could not resume from `sequence`.
    bool is_before_all = false;
  };

  /// The position of a client with this last event ID; the head of the log for an empty ID. Looks for publishers' IDs
  /// in the topics of `filter`, and nowhere without it. If several events have the ID, the oldest counts, so that
  /// nothing is lost. `latest`: if the events after the ID are gone, the client continues with the state of topics.
  /// Like is_over(), it may wait for the store, so no event loop may call it; and throws StoreUnavailable if the store
  /// cannot be read.
  Cursor resolve(std::string_view last_event_id, const TopicFilter* filter = nullptr, bool latest = false) const;

  /// Whether all topics of the filter are finished and nothing is left for a client at this position.
  bool is_over(const Cursor& cursor, const TopicFilter& filter) const;

  /// The next matching events after the place, as it reads them. Bounded; `at_head` is false if more follow. Never
  /// waits.
  Page read(const Place& place, const TopicFilter& filter) const;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const {
    return read({.sequence = sequence}, filter);
  }

  /// Reads the next events after the place from the store on another thread, and posts them to the sink with this
  /// ticket. The request waits while the store cannot be read.
  void read_stored(Sink& sink, std::uint64_t ticket, const Place& place,
                   std::shared_ptr<const TopicFilter> filter) const;

  /// The memory that slow readers hold of events that have left the log.
  PinnedBytes& pinned() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
