// EventStore: keeps published events after the program ends. The functions of millrace/server/stores/, such as
// open_sqlite(), open Millrace's own stores; docs/stores.md says how to write another.
//
//   millrace::Server server({.store = millrace::open_sqlite("/var/lib/app/events.db")});
//
// A store is a log: entries in one order, numbered from 1 on. An entry is an event, or a mark: a topic is finished, or
// begins again. The server itself keeps the newest entries in memory as long as their numbers have no gap, and reads
// older ones from the store.
#pragma once

#include <algorithm>
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

#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/durability.h"
#include "millrace/server/limits.h"
#include "millrace/server/publication.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

/// How much a store keeps. It removes the oldest entries first. Without a value: no bound.
struct StoreBounds {
  std::optional<std::uint64_t> events = {};          ///< most entries
  std::optional<std::uint64_t> bytes = kStoreBytes;  ///< on the disk
  std::optional<Duration> age = {};                  ///< of the oldest entry; longer than 0
  /// Topics whose newest event a store that retains keeps beyond these bounds; an event of one more is refused.
  std::size_t retained_topics = kMaxRetainedTopics;
  std::size_t retained_bytes = kMaxRetainedBytes;  ///< bytes of these events; the same happens
};

/// One entry of a log.
struct LogEntry {
  std::uint64_t sequence = 0;                          ///< greater than 0
  OwnedTopic topic;                                    ///< of the event or mark
  std::vector<OwnedTopic> further_topics = {};         ///< of an event that was published to several
  Publication::Kind kind = Publication::Kind::kEvent;  ///< event or mark
  std::string publisher_id = {};                       ///< the event's ID if the publisher chose it; otherwise empty
  std::string publisher_key = {};  ///< publisher_key() of this publisher; empty without a publisher_id
  /// The event as subscribers get it, with its trace in front; kept byte for byte. Empty in a mark.
  std::string payload = {};
  /// When it was published. The clock's epoch if the store does not know: the entry then counts as very old, which
  /// matters only to ServerOptions::history.age.
  std::chrono::system_clock::time_point published = {};

  /// The entry for this publication. `epoch` is the store's: an event without an ID from its publisher gets
  /// `<epoch>-<sequence>`.
  static LogEntry of(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                     std::chrono::system_clock::time_point published);

  /// The number of topics.
  std::size_t topic_count() const { return 1 + further_topics.size(); }
  /// The topic at `index`, which must be less than topic_count(): `topic`, then the further ones.
  const OwnedTopic& topic_at(std::size_t index) const { return index == 0 ? topic : further_topics[index - 1]; }
  /// All topics in order, as one text for a store: a line end is between two of them, and in none.
  std::string joined_topics() const;
  /// Sets the topics from such a text. False, and nothing is set, if a part is not a topic.
  [[nodiscard]] bool set_topics(std::string_view joined);
};

/// Identifies a publisher in a log: empty for the program itself, otherwise 32 hexadecimal digits, whatever the length
/// of the name.
std::string publisher_key(std::string_view publisher);

/// An epoch for a new store: `s` and 7 random letters and digits. Save it with the store.
std::string new_store_epoch();

/// Whether a store accepts events.
struct StoreStatus {
  /// The current behaviour of append().
  enum class State : std::uint8_t {
    kAccepting,  ///< it appends
    kRefusing,   ///< it throws StoreUnavailable
  };
  State state = State::kAccepting;  ///< the current state
  /// Why it refuses, as a sentence for operators; clients do not get it. Empty while it accepts.
  std::string reason = {};

  /// A status that refuses events for this reason.
  static StoreStatus refusing(std::string reason) { return {State::kRefusing, std::move(reason)}; }
  /// Whether append() appends.
  bool is_accepting() const { return state == State::kAccepting; }
  /// Compares state and reason.
  friend bool operator==(const StoreStatus&, const StoreStatus&) = default;
};

/// A log that outlives the program. A class of your own implements the members without a body.
///
/// Threads: every member may be called from any thread, and several at once, except start() and stop(). They may wait
/// for a disk or a network; no event loop calls them.
///
/// Errors: a member that cannot do its work now throws StoreUnavailable, with a sentence; the server then tries again
/// or answers 503. epoch(), head(), status() and statistics() throw nothing.
class EventStore {
 public:
  virtual ~EventStore() = default;

  /// The functions that a store calls, perhaps while it holds its own locks: neither function calls the store or waits
  /// for long.
  struct Callbacks {
    /// Takes every entry once, in order, from one thread at a time, when the entry will survive. Throws nothing.
    /// Ignores an entry whose sequence is not greater than the previous one.
    std::function<void(std::span<const LogEntry>)> on_appended;
    /// Takes status() after each change, from one thread at a time. Throws nothing.
    std::function<void(const StoreStatus&)> on_status;
  };

  /// The server calls it before all other members except those that describe the log (epoch(), head(), oldest(),
  /// max_event_bytes()). From then on the store may call the callbacks. Throws std::logic_error if a server already
  /// uses the store.
  virtual void start(Callbacks callbacks) = 0;

  /// The server calls it when the server is destroyed. When it returns, no callback is running, and none runs later.
  /// The store can be started again; until then append() throws StoreUnavailable. Throws nothing.
  virtual void stop() = 0;

  /// Tag of the IDs that the log gives, `<epoch>-<sequence>`: 1 to kMaxEpochBytes letters and digits, unchanged as long
  /// as the store keeps its entries, and unique to this store; see new_store_epoch().
  virtual const std::string& epoch() const = 0;

  /// Sequence of the newest entry that on_appended has taken. Before on_appended has taken one: of the entry after
  /// which it will begin, the store's newest or an older one; 0 if the store never had an entry. Never decreases, even
  /// when the store drops the entry or the program restarts.
  virtual std::uint64_t head() const = 0;

  /// Sequence of the oldest entry still in the store; head() + 1 if the store is empty.
  virtual std::uint64_t oldest() const = 0;

  /// Appends the publications in order, all or none, and writes the sequence of each to `sequences`, which has the same
  /// size; 0 if there is nothing to append:
  /// - for an event with an ID that the same publisher has published to the topic before, if the store still has that
  ///   event and the topic has not begun again since;
  /// - for a finish of a finished topic, and for a begin of a topic that is not finished. A topic is finished if its
  ///   newest entry still in the store is a finish. It begins again with the next event or begin after a finish.
  ///
  /// An event of several topics with a publisher's ID was published before if one event has the ID in all of its
  /// topics. If only some of them have the ID, or different events, it throws IdConflict and appends nothing.
  ///
  /// When it returns, the entries survive what the store promises to survive, and on_appended has taken them. Throws
  /// StoreUnavailable if they were not appended, or if that is unknown: the publisher may try again.
  ///
  /// At a bound the store drops its oldest entries; never an entry in the middle, and never its newest entry for lack
  /// of room.
  virtual void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) = 0;

  /// Sequence of the event with this publisher's ID in the topics that match, or nothing. If one publisher has used the
  /// ID several times in a topic, its newest event counts; among these events, the oldest counts, so that a client that
  /// resumes there misses nothing. May return nothing if more than kMaxIdHolders of these topics and publishers have
  /// the ID. Does not find IDs that the log itself gave.
  virtual std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const = 0;

  /// Sequence at which the filter's topics ended for a reader that has seen everything up to `seen`; nothing if they
  /// continue.
  /// - With wildcards: nothing.
  /// - One topic: its first finish from `seen` on, even if it has begun again since; otherwise its newest finish if the
  ///   topic is finished.
  /// - Several topics: the newest finish if all are finished.
  virtual std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const = 0;

  /// A part of the log.
  struct Page {
    std::vector<LogEntry> entries = {};  ///< in order
    /// All matching entries up to here are in `entries` or on earlier pages. Greater than the requested sequence,
    /// unless nothing follows it.
    std::uint64_t through = 0;
    std::uint64_t oldest = 0;  ///< oldest() when the page was read; if it is beyond the requested sequence, entries are
                               ///< missing, and the server reports a gap
  };
  /// The next matching entries after `sequence`, marks included, up to head(): at most kPageEntries, and none after
  /// kPageBytes of payload. It may stop at any entry, for example after checking kPageScan entries. A PageScan keeps to
  /// these bounds.
  virtual Page read_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  /// The topics that read_newest() reads.
  enum class Topics : std::uint8_t {
    kGoingOn,  ///< those that are not finished, or have an event after their finish
    kAll,      ///< finished topics, too
  };
  /// The newest event of each matching topic, if it lies after `sequence` and not after `until`; in the order of the
  /// log. Events only, no marks. Of the topics of an event, only those for which this holds. Bounded like read_after(),
  /// and `through` is at most `until`. Leaves out an event that one after `until` has replaced. This default reads all
  /// of the log after `sequence`; a store with an index of its topics can do better.
  virtual Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter, Topics topics) const;

  /// Whether the store keeps an event with Publication::retain beyond its bounds, as long as the event is its topic's
  /// newest and the topic is not finished. If not, the server refuses such events. If so, append() throws
  /// RetentionRefused when the bounds on these events allow no more.
  virtual bool retains() const { return false; }

  /// Whether it appends events of several topics. If not, the server refuses such events. If so, an event is an entry
  /// of each of its topics: wherever this class speaks of a topic, it counts for each separately.
  virtual bool takes_several_topics() const { return false; }

  /// For a store that retains: a sequence after `sequence` and, if possible, at most oldest(), such that no retained
  /// event of a matching topic lies between the two. After checking kPageScan retained events, it may return the
  /// sequence of one that does not match.
  virtual std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& /*filter*/) const {
    return std::max(oldest(), sequence + 1);
  }

  /// Whether other programs also append to the log.
  virtual bool is_shared() const { return false; }

  /// For a log to which other programs also append: waits, for a bounded time, until on_appended has taken the entry
  /// with this sequence. False if the log has no such entry.
  virtual bool catch_up(std::uint64_t sequence) const { return sequence <= head(); }
  /// The same for all entries that the log has now.
  virtual void catch_up_with_others() const {}

  /// Largest data of an event that the store accepts, in bytes.
  virtual std::size_t max_event_bytes() const { return SIZE_MAX; }

  /// Whether it accepts events, and why not. Never waits.
  virtual StoreStatus status() const = 0;

  /// Which failures entries survive after append() has returned. Publishers get the level and may require one. May
  /// change while the store is open, for example when its servers get another configuration. By default a store
  /// promises nothing. Never waits.
  virtual Durability durability() const { return Durability::kMemory; }

  /// Sentences for operators about anything that weakens acknowledgements, such as a setting of the database; may be
  /// empty. Never waits.
  virtual std::vector<std::string> warnings() const { return {}; }

  /// Figures for /metrics. Never waits.
  virtual StoreStatistics statistics() const = 0;

  static constexpr std::size_t kMaxEpochBytes = 32;      ///< longest epoch()
  static constexpr std::size_t kPageEntries = 64;        ///< entries in a page
  static constexpr std::size_t kPageBytes = 256 * 1024;  ///< payload after which a page ends
  static constexpr std::size_t kPageScan = 4096;         ///< entries checked for a page
};

class TopicMatcher;

/// Builds a page: checks one entry after the other, and says when the page must end. Its cost for a topic does not
/// depend on the number of patterns. One thread.
///
///   millrace::PageScan scan(filter, sequence);
///   for (auto entry = first_after(sequence); entry != end && !scan.is_full(); ++entry) {
///     if (scan.wants(entry->sequence, entry->topic)) scan.add(entry->payload.size());
///   }
///   // then: page.through = scan.through(), or head() if the loop came to the end
class PageScan {
 public:
  /// Begins after `sequence`. The filter must outlive it.
  PageScan(const TopicFilter& filter, std::uint64_t sequence);
  ~PageScan();
  PageScan(const PageScan&) = delete;
  PageScan& operator=(const PageScan&) = delete;

  /// Checks the next entry. True if one of its topics matches: put it into the page and call add().
  bool wants(std::uint64_t sequence, Topic topic, std::span<const OwnedTopic> further_topics = {});
  /// Counts an entry of this many bytes.
  void add(std::size_t bytes);

  /// Whether the page must end here.
  bool is_full() const;
  /// Sequence of the last entry checked.
  std::uint64_t through() const { return through_; }
  /// Matching steps so far.
  std::size_t work() const;

 private:
  std::unique_ptr<TopicMatcher> matcher_;
  std::uint64_t through_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
};

}  // namespace millrace
