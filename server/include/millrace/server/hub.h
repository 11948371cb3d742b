// Hub: where events are published, and the log they go into.
//
// All publishing goes through one log in one order; subscribers are cursors on it. A hub belongs to its Server and may
// be used from any thread.
//
//   server.hub().publish("orders/created", {.type = "created", .data = json});     // checked by the compiler
//   server.hub().publish("rooms/" + room, {.data = text});                         // checked here: may throw
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "millrace/core/event.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/core/topic.h"

namespace millrace {

struct Frame;
class EventStore;
class PinnedBytes;
class TopicFilter;

namespace detail {
/// Text that is no literal, which the compiler checks.
template <typename Text>
concept TextAtRunTime = std::is_convertible_v<const Text&, std::string_view> && !std::is_array_v<Text>;
}  // namespace detail

/// What became of a publish.
struct Published {
  std::string id;         ///< the event's ID: the publisher's own, else `<epoch>-<sequence>`
  bool repeated = false;  ///< the publisher has published an event with this ID to the topic: nothing was published
};

/// One thing to be published: an event, or a mark in the life of a topic. A view, like Event: topics that are put
/// together at run time have to be kept, as OwnedTopic, until the publications have been published.
///
/// An ID that a publisher gives stands for one event of this publisher in this topic, for as long as the log holds the
/// event and until the topic begins anew (finish() and begin(), or another event). Other topics' and publishers' events
/// with the same ID are others.
struct Publication {
  enum class Kind : std::uint8_t {
    kEvent,
    kFinish,  ///< as Hub::finish()
    kBegin,   ///< as Hub::begin()
  };
  Topic topic;
  Event event = {};  ///< of kEvent
  /// Whose ID it is, of any length. Empty: the program's own. Events routes use `user NAME` for a user whom the
  /// authorizer names, and `anonymous` for all others.
  std::string_view publisher = {};
  Kind kind = Kind::kEvent;
};

/// The store cannot do now what it is asked for: its disk is full, or its machine is out of reach. Nothing was
/// published, or nobody can tell; trying again later is right, with an ID of the publisher's if it must not come twice.
class StoreUnavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What there is to say of a store.
struct StoreStatistics {
  std::uint64_t entries = 0;   ///< in it
  std::uint64_t bytes = 0;     ///< that they take
  std::uint64_t commits = 0;   ///< groups of entries that were made to last together
  std::uint64_t failures = 0;  ///< times it began to refuse events
  bool takes_events = true;
};

class Hub {
 public:
  struct Options {
    std::size_t history_events;
    std::size_t history_bytes;
    Duration history_age{0};  ///< zero: no bound
    std::size_t max_pinned_bytes = kMaxPinnedBytes;
    std::string epoch;                 ///< short random tag of this log's life
    std::function<TimePoint()> clock;  ///< monotonic; called from any thread
    std::shared_ptr<EventStore> store =
        nullptr;  ///< the hub's alone; where events outlive the program. Its epoch counts
  };

  explicit Hub(Options options);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Appends the event to the log and hands it to every subscriber of the topic. Returns once it is in the log, which
  /// with a store is: once it will survive. Throws std::invalid_argument if refusal() has something to say of it,
  /// StoreUnavailable if there is a store that cannot take it now. Where there is no memory left for the log itself,
  /// the program ends, by std::terminate(): with half of an event in it, it would lose others in silence.
  /// `publisher` is as in Publication.
  Published publish(Topic topic, const Event& event, std::string_view publisher = {});
  /// The same for text that is put together at run time. Throws std::invalid_argument, too, if it is not a topic.
  template <detail::TextAtRunTime Text>
  Published publish(const Text& topic, const Event& event, std::string_view publisher = {}) {
    return publish(topic_of(topic), event, publisher);
  }

  /// The same for several, in order and at once: with a store all of them survive, or none. Returns as many.
  std::vector<Published> publish(std::span<const Publication> publications);

  /// Ends the topic: each event stream that listens to nothing else ends behind the topic's last event, and a client
  /// that comes back with that event's ID is told that there is no more (204), as long as the log remembers. Publishing
  /// to the topic begins it anew, for those who come then: who was there before is still told of the end. Throws
  /// std::invalid_argument if the topic is one of Millrace's own.
  void finish(Topic topic);
  template <detail::TextAtRunTime Text>
  void finish(const Text& topic) {
    finish(topic_of(topic));
  }

  /// Begins a finished topic anew without an event, so that it can be subscribed to again. Does nothing to others.
  void begin(Topic topic);
  template <detail::TextAtRunTime Text>
  void begin(const Text& topic) {
    begin(topic_of(topic));
  }

  /// Why the event cannot be published to the topic, as a sentence that begins with the field's name; empty if it can:
  /// topics and types that Millrace keeps for itself; IDs that no header could bring back, or that a client could have
  /// from this log, or from a log in memory, which may be this server's before it was started anew; data larger than
  /// the log.
  std::string refusal(Topic topic, const Event& event) const;

  /// Why nobody but Millrace may publish to the topic, or finish it; empty if they may.
  static std::string refusal(Topic topic);

  struct Statistics {
    std::uint64_t publishes = 0;
    std::uint64_t repeated = 0;   ///< publishes of an ID that was in the log already
    std::uint64_t evictions = 0;  ///< entries that have left the memory
    std::size_t entries = 0;      ///< in memory
    std::size_t bytes = 0;        ///< of them
    std::optional<StoreStatistics> store = {};
  };
  Statistics statistics() const;

  /// Why nothing can be published now, as a sentence; empty if it can.
  std::string trouble() const;

  // For the event loops ---------------------------------------------------------------------------------------------

  using FramePtr = std::shared_ptr<const Frame>;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;  ///< no other event up to here matches the filter
    bool at_head = false;       ///< there is nothing beyond `through`
    bool finished = false;      ///< the topics are finished and there will be nothing beyond `through`
    bool expired = false;       ///< events after the cursor are gone: `frames` is empty, `through` is before the oldest
    bool stored = false;        ///< the events are not in memory: read_stored() brings them. Nothing else is set
    std::size_t work = 0;       ///< steps that reading took
  };
  using PagePtr = std::shared_ptr<const Page>;

  class Sink {
   public:
    /// Gets every frame, in order of sequence, under the hub's lock: it must only queue it.
    virtual void post(const FramePtr& frame) = 0;
    /// Gets what it has asked for by read_stored(), on a thread of the hub's: likewise.
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
  };

  /// Where a client begins that comes with this last event ID; the head of the log if it has none. `filter` says what
  /// the client listens to: publishers' IDs are looked for there, and nowhere without it. Where several events have the
  /// ID the oldest counts, so that nothing is lost. May ask the store, as is_over() may: not for an event loop; and
  /// throws StoreUnavailable if that cannot be read.
  Cursor resolve(std::string_view last_event_id, const TopicFilter* filter = nullptr) const;

  /// Whether all topics of the filter are finished and a client at this place has nothing more to get.
  bool is_over(const Cursor& cursor, const TopicFilter& filter) const;

  /// The next events after `sequence` that match. Bounded; `at_head` says whether there is more. Never waits.
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const;

  /// Has the next events after `sequence` read from the store, and posted to the sink with this ticket. Kept waiting
  /// while the store cannot be read.
  void read_stored(Sink& sink, std::uint64_t ticket, std::uint64_t sequence,
                   std::shared_ptr<const TopicFilter> filter) const;

  /// What slow readers keep in memory of events that the log does not hold any more.
  PinnedBytes& pinned() const;

  /// The ID a client has to send to resume after `sequence`.
  std::string id_of(std::uint64_t sequence) const;

 private:
  static Topic topic_of(std::string_view text);

  struct Shared;
  std::unique_ptr<Shared> shared_;
};

}  // namespace millrace
