// Presence: the number of each topic's listeners, and their names. Subscribers of `millrace.presence/**` follow this
// state, which is not part of the log.
//
// It collects changes for kPresenceInterval and reports them topic by topic, so that a client that reconnects neither
// leaves nor joins, and clients that arrive together make one event per topic. Each report gives its topic the next
// version. A subscriber (a Watch) is a cursor on the versions: it gets the whole state first, then everything newer
// than its position. A slow subscriber needs no queue: it gets the newest state of each topic when it reads again.
// Everything is bounded in bytes. Any thread; no clock, no I/O.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/string_map.h"
#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/limits.h"
#include "millrace/server/topic_filter.h"
#include "mutex.h"

namespace millrace {

/// Time for which presence collects changes before it reports them.
inline constexpr Duration kPresenceInterval{250};

/// Bytes of presence events of one interval; the last event may exceed it. Further changes wait for the next interval,
/// and still make one event per topic.
inline constexpr std::size_t kPresenceIntervalBytes = 256 * 1024;

/// The part of kPresenceBytes that keeps changes, and topics without listeners, for slow subscribers of presence.
/// Beyond it they get the whole state again.
inline constexpr std::size_t kPresenceChangesBytes = 1024 * 1024;

/// Bytes of names in one presence event, as JSON; further listeners are only counted.
inline constexpr std::size_t kPresenceEventBytes = 64 * 1024;

// An interval has room for a few events, and each part fits into its whole.
static_assert(kPresenceEventBytes <= kPresenceIntervalBytes && kPresenceIntervalBytes <= kPresenceChangesBytes);
static_assert(kPresenceChangesBytes <= kPresenceBytes);

class Presence {
 public:
  /// The names of one subscription, each optional: the user's from the authorizer, and the client's own. A user is one
  /// listener, whatever the names of the user's clients.
  struct Listener {
    std::string user;
    std::string client;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in a comparison made of this one for a pointer.
    auto operator<=>(const Listener&) const = default;  // NOLINT(modernize-use-nullptr): clang 14 errs
  };

  /// Bounds of its memory, in bytes.
  struct Bounds {
    std::size_t bytes = kPresenceBytes;
    std::size_t changes_bytes = kPresenceChangesBytes;
  };

  Presence() : Presence(Bounds{}) {}
  explicit Presence(const Bounds& bounds) : bounds_(bounds) {}

  // Subscriptions ----------------------------------------------------------------------------------------------------

  struct Joined {
    bool is_counted = false;  ///< leave() must follow; false: presence had no room
    bool asks = false;        ///< the caller must schedule report()
  };
  /// Adds a subscription. Ignores patterns of Millrace's own topics. `note` is a JSON object that is reported with the
  /// listener and replaces its earlier one; empty: none.
  Joined join(const TopicFilter& filter, const Listener& listener, std::string_view note = {});
  /// Removes a counted subscription. Returns Joined::asks.
  bool leave(const TopicFilter& filter, const Listener& listener);

  /// Reports changes, up to kPresenceIntervalBytes. True: all are reported, and the next join() or leave() asks again.
  /// False: the caller must schedule it again.
  bool report();

  /// Forgets all subscriptions.
  void reset();

  // Watches ----------------------------------------------------------------------------------------------------------

  class Sink {
   public:
    /// read() would return something new. Called under a lock: must only schedule it.
    virtual void on_presence() = 0;

   protected:
    ~Sink() = default;
  };
  void attach(Sink& sink);
  /// No call reaches the sink after it returns.
  void detach(Sink& sink);

  /// A cursor on the reports. The caller owns it and uses it on one thread.
  struct Watch {
    explicit Watch(std::shared_ptr<const TopicFilter> of) : filter(std::move(of)) {}
    const std::shared_ptr<const TopicFilter> filter;

   private:
    friend class Presence;
    bool has_begun_ = false;
    bool is_first_ = true;           // it still reads its initial state
    std::size_t next_topic_ = 0;     // index into the filter's patterns: the initial state of those before was reported
    std::uint64_t seen_ = 0;         // the versions read so far
    std::uint64_t complete_at_ = 0;  // the version at which it was complete last, or else at which it began
  };
  /// Whether a filter selects presence events.
  static bool concerns(const TopicFilter& filter);

  struct Page {
    std::vector<std::string> events;  ///< data of presence events
    bool has_more = false;
  };
  /// The next events for the watch, bounded in bytes and work.
  Page read(Watch& watch) const;

  /// Who listens to the topic now, as the data of an event with its state.
  std::string look(Topic topic) const;

  struct Statistics {
    std::size_t topics = 0;          ///< topics and patterns that have listeners, or had some recently
    std::size_t listeners = 0;       ///< names, counted for each topic
    std::size_t bytes = 0;           ///< memory of these
    std::uint64_t events = 0;        ///< reports
    std::uint64_t not_reported = 0;  ///< subscriptions that did not fit
  };
  Statistics statistics() const;

 private:
  struct Count {
    std::size_t subscriptions = 0;
    bool is_reported = false;  // the last report has it as present
    bool has_new_note = false;
    std::string note;
    bool is_changed = false;  // Entry::changed has it
  };
  using Listeners = std::map<Listener, Count>;

  // A pattern with a subscription, or with one until recently.
  struct Entry {
    explicit Entry(OwnedTopic reported_at) : topic(std::move(reported_at)) {}
    std::string_view pattern;  // its key in entries_
    const OwnedTopic topic;    // the topic of its reports
    std::size_t subscribers = 0;
    std::size_t reported = 0;  // subscribers in the last report
    Listeners listeners;
    std::vector<Listeners::iterator> changed;   // changed since the last report
    bool is_pending = false;                    // pending_ has it
    std::uint64_t version = 0;                  // of the last report; 0: not reported yet
    std::uint64_t previous = 0;                 // of the report before
    std::shared_ptr<const std::string> change;  // the changes of the last report; null: read the state
  };

  std::size_t cost(std::string_view pattern, const Listener& listener, std::string_view note) const REQUIRES(mutex_);
  Entry& entry_of(std::string_view pattern) REQUIRES(mutex_);
  void count(Entry& entry, const Listener& listener, bool joins, std::string_view note = {}) REQUIRES(mutex_);
  void mark(Entry& entry) REQUIRES(mutex_);
  bool ask() REQUIRES(mutex_);
  std::size_t report(Entry& entry) REQUIRES(mutex_);
  void file(Entry& entry, std::string change) REQUIRES(mutex_);
  void bound_changes() REQUIRES(mutex_);
  void erase(Entry& entry) REQUIRES(mutex_);
  void begin(Watch& watch, Page& page) const REQUIRES(mutex_);
  void read_topics(Watch& watch, Page& page, std::size_t& bytes) const REQUIRES(mutex_);
  static std::string state_of(const Entry& entry, bool as_reported = true);

  const Bounds bounds_;
  mutable Mutex mutex_;
  StringMap<Entry> entries_ GUARDED_BY(mutex_);                    // by pattern
  std::map<std::uint64_t, Entry*> by_version_ GUARDED_BY(mutex_);  // the reported entries
  std::deque<Entry*> pending_ GUARDED_BY(mutex_);                  // entries changed since
  // Versions of reports of topics without listeners, in order, and the bytes of their entries.
  std::deque<std::pair<std::uint64_t, std::size_t>> gone_ GUARDED_BY(mutex_);
  std::vector<Sink*> sinks_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_) = 1;
  std::uint64_t forgotten_ GUARDED_BY(mutex_) = 0;     // the newest version of an erased entry
  std::uint64_t changes_from_ GUARDED_BY(mutex_) = 0;  // entries with lower versions have no `change`
  std::size_t changes_bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t gone_bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t listeners_ GUARDED_BY(mutex_) = 0;
  std::uint64_t events_ = 0;
  std::uint64_t not_reported_ = 0;
  bool is_asked_ = false;
};

}  // namespace millrace
