// Presence: how many listeners each topic has, and their names. A state that subscribers of `millrace.presence/**`
// follow; it is not part of the log.
//
// Changes are collected for a moment and reported topic by topic. So a client that reconnects neither leaves nor joins,
// and many clients that come together make one event for a topic. Each report gives its topic the next version. A
// subscriber (a Watch) is a cursor on the versions: it gets the whole state first, then everything newer than its
// position. A slow subscriber costs no queue: it gets the newest state of each topic when it reads again. Everything is
// bounded in bytes. Any thread; no clock, no I/O.
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

/// Time for which changes of presence are collected before they are reported.
inline constexpr Duration kPresenceInterval{250};

/// Bytes of presence events that one interval makes, or one event more. The rest waits for the next interval, in which
/// a topic's changes are still one event.
inline constexpr std::size_t kPresenceIntervalBytes = 256 * 1024;

/// Of kPresenceBytes, bytes of changes, and of topics without a listener, that are kept for slow subscribers of
/// presence. Beyond it they get the whole state again.
inline constexpr std::size_t kPresenceChangesBytes = 1024 * 1024;

/// Bytes of names in one presence event, as JSON; further listeners are only counted.
inline constexpr std::size_t kPresenceEventBytes = 64 * 1024;

// An interval of presence has room for a few events, and the whole for the part.
static_assert(kPresenceEventBytes <= kPresenceIntervalBytes && kPresenceIntervalBytes <= kPresenceChangesBytes);
static_assert(kPresenceChangesBytes <= kPresenceBytes);

class Presence {
 public:
  /// Names of one subscription, each if there is one: of its user, whom the authorizer knows, and the one that the
  /// client has given itself. A user is one listener, whatever their clients are called.
  struct Listener {
    std::string user;
    std::string client;
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in a comparison made of this one for a pointer.
    auto operator<=>(const Listener&) const = default;
  };

  /// What there is of it in memory, in bytes.
  struct Bounds {
    std::size_t bytes = kPresenceBytes;
    std::size_t changes_bytes = kPresenceChangesBytes;
  };

  Presence() : Presence(Bounds{}) {}
  explicit Presence(const Bounds& bounds) : bounds_(bounds) {}

  // What happens -----------------------------------------------------------------------------------------------------

  struct Joined {
    bool is_counted = false;  ///< leave() has to follow. False: there was no room
    bool asks = false;        ///< the caller has to have report() called in a moment
  };
  /// A subscription has begun. Patterns of Millrace's own topics are left out.
  Joined join(const TopicFilter& filter, const Listener& listener);
  /// A subscription that was counted is over. True: as Joined::asks.
  bool leave(const TopicFilter& filter, const Listener& listener);

  /// Reports what has changed, as far as kPresenceIntervalBytes go. True: all of it, and the next join() or leave()
  /// asks again. False: it has to be called once more, in a moment.
  bool report();

  /// Forgets everybody: there is no subscription any more.
  void reset();

  // Who follows it ---------------------------------------------------------------------------------------------------

  class Sink {
   public:
    /// There is something new to read(). Under a lock: it must only leave word.
    virtual void on_presence() = 0;

   protected:
    ~Sink() = default;
  };
  void attach(Sink& sink);
  /// Nothing reaches the sink once it has returned.
  void detach(Sink& sink);

  /// A place in what is reported. The caller's, of one thread.
  struct Watch {
    explicit Watch(std::shared_ptr<const TopicFilter> of) : filter(std::move(of)) {}
    const std::shared_ptr<const TopicFilter> filter;

   private:
    friend class Presence;
    bool has_begun = false;
    bool is_first = true;           // it reads the state it begins with
    std::size_t next_topic = 0;     // of the filter's: those before have been told of as they were at the beginning
    std::uint64_t seen = 0;         // versions up to here have been read
    std::uint64_t complete_at = 0;  // when it last had all there was; first: when it began
  };
  /// Whether a filter asks for presence events.
  static bool concerns(const TopicFilter& filter);

  struct Page {
    std::vector<std::string> events;  ///< data of presence events
    bool has_more = false;
  };
  /// What is next for the watch: a bounded number of bytes, for a bounded amount of work.
  Page read(Watch& watch) const;

  struct Statistics {
    std::size_t topics = 0;          ///< topics and patterns with a listener, or without since a moment
    std::size_t listeners = 0;       ///< names, counted for each topic
    std::size_t bytes = 0;           ///< that these take
    std::uint64_t events = 0;        ///< reports made
    std::uint64_t not_reported = 0;  ///< subscriptions for which there was no room
  };
  Statistics statistics() const;

 private:
  struct Count {
    std::size_t subscriptions = 0;
    bool is_reported = false;  // as present
    bool is_changed = false;   // it is in Entry::changed
  };
  using Listeners = std::map<Listener, Count>;

  // Of a pattern that is subscribed to, or was until a moment ago.
  struct Entry {
    explicit Entry(OwnedTopic reported_at) : topic(std::move(reported_at)) {}
    std::string_view pattern;  // its key in entries_
    const OwnedTopic topic;    // where it is reported
    std::size_t subscribers = 0;
    std::size_t reported = 0;  // of them
    Listeners listeners;
    std::vector<Listeners::iterator> changed;   // since the last report
    bool is_pending = false;                    // it is in pending_
    std::uint64_t version = 0;                  // of the last report; 0: there was none
    std::uint64_t previous = 0;                 // of the one before
    std::shared_ptr<const std::string> change;  // what the last report says has changed; null: read the state
  };

  std::size_t cost(std::string_view pattern, const Listener& listener) const REQUIRES(mutex_);
  Entry& entry_of(std::string_view pattern) REQUIRES(mutex_);
  void count(Entry& entry, const Listener& listener, bool joins) REQUIRES(mutex_);
  void mark(Entry& entry) REQUIRES(mutex_);
  bool ask() REQUIRES(mutex_);
  std::size_t report(Entry& entry) REQUIRES(mutex_);
  void file(Entry& entry, std::string change) REQUIRES(mutex_);
  void bound_changes() REQUIRES(mutex_);
  void erase(Entry& entry) REQUIRES(mutex_);
  void begin(Watch& watch, Page& page) const REQUIRES(mutex_);
  void read_topics(Watch& watch, Page& page, std::size_t& bytes) const REQUIRES(mutex_);
  static std::string state_of(const Entry& entry);

  const Bounds bounds_;
  mutable Mutex mutex_;
  StringMap<Entry> entries_ GUARDED_BY(mutex_);                    // by pattern
  std::map<std::uint64_t, Entry*> by_version_ GUARDED_BY(mutex_);  // those that have been reported
  std::deque<Entry*> pending_ GUARDED_BY(mutex_);                  // those that have changed since
  // Versions of reports that nobody listens any more, in order, and the bytes of their entries.
  std::deque<std::pair<std::uint64_t, std::size_t>> gone_ GUARDED_BY(mutex_);
  std::vector<Sink*> sinks_ GUARDED_BY(mutex_);
  std::uint64_t version_ GUARDED_BY(mutex_) = 1;
  std::uint64_t forgotten_ GUARDED_BY(mutex_) = 0;     // the newest version of an entry that was erased
  std::uint64_t changes_from_ GUARDED_BY(mutex_) = 0;  // entries of lower versions have no `change`
  std::size_t changes_bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t gone_bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t listeners_ GUARDED_BY(mutex_) = 0;
  std::uint64_t events_ = 0;
  std::uint64_t not_reported_ = 0;
  bool is_asked_ = false;
};

}  // namespace millrace
