// Feed: the log and its readers. Appended entries go to every sink, in order; a cursor that is behind reads them page
// by page.
//
// The newest events are in memory. If there is a store, it has all of them. Any thread.
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
    std::string epoch;                            ///< short random tag of this log's life; of a store, its own counts
    std::function<TimePoint()> clock;             ///< monotonic; called from any thread
    std::shared_ptr<EventStore> store = nullptr;  ///< the feed's alone; where events outlive the program
    std::function<void(const StoreStatus&)> on_store_status = nullptr;  ///< as EventStore::Callbacks::on_status
    /// The clock that the store's entries are dated by; called from any thread.
    std::function<std::chrono::system_clock::time_point()> time = [] { return std::chrono::system_clock::now(); };
  };

  explicit Feed(Options options);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  /// Appends them, in order, all or none, and hands them to the sinks; `sequences` is as EventStore::append() fills it.
  /// Throws StoreUnavailable if the store cannot take them now, RetentionRefused if one cannot be retained. Where there
  /// is no memory left for the log itself, the program ends, by std::terminate(): with half of an event in it, it would
  /// lose others in silence.
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences);

  /// Tags the IDs that the log gives.
  const std::string& epoch() const;
  /// The ID a client has to send to resume after `sequence`.
  OwnedEventId id_of(std::uint64_t sequence) const;
  /// Whether it keeps retained events beyond its bounds.
  bool retains() const;
  /// Data of an event, at most.
  std::size_t max_event_bytes() const;

  struct Statistics {
    std::uint64_t evictions = 0;  ///< entries that have left the memory
    std::size_t entries = 0;      ///< in memory
    std::size_t bytes = 0;        ///< of them
    std::size_t retained_topics = 0;
    std::size_t retained_bytes = 0;
    std::optional<StoreStatistics> store = {};
  };
  Statistics statistics() const;

  /// Whether events can be appended now, and why not.
  StoreStatus status() const;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;  ///< no other event up to here matches the filter
    bool at_head = false;       ///< there is nothing beyond `through`
    bool finished = false;      ///< the topics are finished and there will be nothing beyond `through`
    /// Events after the place are gone, and `frames` is empty. The reader goes on behind `through`, up to `state_until`
    /// with the newest event of each topic.
    bool expired = false;
    std::uint64_t state_until = 0;
    std::uint64_t forgiven = 0;  ///< of an expired page: as in Place, from here on
    bool stored = false;         ///< the events are not in memory: read_stored() brings them. Nothing else is set
    std::size_t work = 0;        ///< steps that reading took
  };
  using PagePtr = std::shared_ptr<const Page>;

  class Sink {
   public:
    /// Gets every frame, in order of sequence, under the feed's lock: it must only queue it.
    virtual void post(const FramePtr& frame) = 0;
    /// Gets what it has asked for by read_stored(), on a thread of the feed's: likewise.
    virtual void post_page(std::uint64_t /*ticket*/, const PagePtr& /*page*/) {}

   protected:
    ~Sink() = default;
  };
  void attach(Sink& sink);
  /// Nothing reaches the sink once it has returned.
  void detach(Sink& sink);

  /// A place in the log: everything up to and including `sequence` has been seen.
  struct Cursor {
    std::uint64_t sequence = 0;
    std::string_view gap_reason = {};  ///< why the client's last event ID could not be honoured; empty if it was
    /// Up to here the newest event of each topic comes, and then everything; 0: everything.
    std::uint64_t state_until = 0;
    std::uint64_t forgiven = 0;  ///< as in Place

    /// The client has been sent nothing yet, and the sequence is no place that it could go on from.
    bool is_before_all = false;
  };

  /// Where a client begins that comes with this last event ID; the head of the log if it has none. `filter` says what
  /// the client listens to: publishers' IDs are looked for there, and nowhere without it. Where several events have the
  /// ID the oldest counts, so that nothing is lost. `latest`: where what follows the ID is gone, the client goes on
  /// with the state of topics. May ask the store, as is_over() may: not for an event loop; and throws StoreUnavailable
  /// if that cannot be read.
  Cursor resolve(std::string_view last_event_id, const TopicFilter* filter = nullptr, bool latest = false) const;

  /// Whether all topics of the filter are finished and a client at this place has nothing more to get.
  bool is_over(const Cursor& cursor, const TopicFilter& filter) const;

  /// The next events after the place that match, as it reads them. Bounded; `at_head` says whether there is more. Never
  /// waits.
  Page read(const Place& place, const TopicFilter& filter) const;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const {
    return read({.sequence = sequence}, filter);
  }

  /// Has the next events after the place read from the store, and posted to the sink with this ticket. Kept waiting
  /// while the store cannot be read.
  void read_stored(Sink& sink, std::uint64_t ticket, const Place& place,
                   std::shared_ptr<const TopicFilter> filter) const;

  /// What slow readers keep in memory of events that the log does not hold any more.
  PinnedBytes& pinned() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
