// EventStore: keeps published events where they outlive the program. Millrace's own are opened by open_sqlite() and
// open_jetstream() (millrace/server/stores/); a class of your own works as well. docs/stores.md says how to write one.
//
//   millrace::Server server({.store = millrace::open_sqlite("/var/lib/app/events.db")});
//
// A store is a log: entries in one order, numbered from 1 on. Entries are events, and marks in a topic's life: that it
// is finished, or begins anew. The server keeps the newest entries in memory itself, as long as their numbers have no
// gap, and asks the store for what is older.
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
#include "millrace/server/limits.h"
#include "millrace/server/publication.h"
#include "millrace/server/topic_filter.h"

namespace millrace {

/// How much a store keeps. It removes the oldest entries first. Without a value: no bound.
struct StoreBounds {
  std::optional<std::uint64_t> events = {};          ///< most entries
  std::optional<std::uint64_t> bytes = kStoreBytes;  ///< on the disk
  std::optional<Duration> age = {};                  ///< of the oldest entry; longer than 0
  /// Topics with a retained event, beyond these bounds, where the store retains; one more is refused.
  std::size_t retained_topics = kMaxRetainedTopics;
  std::size_t retained_bytes = kMaxRetainedBytes;  ///< of these events; likewise
};

/// One entry of a log.
struct LogEntry {
  std::uint64_t sequence = 0;                          ///< greater than 0
  OwnedTopic topic;                                    ///< of the event or mark
  Publication::Kind kind = Publication::Kind::kEvent;  ///< event or mark
  std::string publisher_id = {};                       ///< the event's ID if its publisher gave it; otherwise empty
  std::string publisher_key = {};  ///< publisher_key() of the publisher that gave it; empty without a publisher_id
  std::string payload = {};        ///< the event as subscribers get it, to be kept byte for byte; empty in a mark
  /// When it was published. The epoch of the clock if the store cannot say: the entry then counts as very old, which
  /// matters only to ServerOptions::history.age.
  std::chrono::system_clock::time_point published = {};

  /// The entry for this publication. `epoch` is the store's: an event without a publisher's ID gets the ID
  /// `<epoch>-<sequence>`.
  static LogEntry of(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                     std::chrono::system_clock::time_point published);
};

/// Text that stands for a publisher in a log: empty for the program itself, else 32 hexadecimal digits, however long
/// the name is.
std::string publisher_key(std::string_view publisher);

/// An epoch for a store that is created: `s` and 7 random letters and digits. Keep it with the store.
std::string new_store_epoch();

/// Whether a store accepts events.
struct StoreStatus {
  /// What append() does now.
  enum class State : std::uint8_t {
    kAccepting,  ///< it appends
    kRefusing,   ///< it throws StoreUnavailable
  };
  State state = State::kAccepting;  ///< as State says
  /// Why it refuses, as a sentence for those who run the server. Clients do not get it. Empty while it accepts.
  std::string reason = {};

  /// A status that says why events are refused.
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
/// Errors: a member throws StoreUnavailable, with a sentence, if it cannot do now what it is asked for; the server then
/// tries again or answers 503. Only epoch(), head(), status() and statistics() throw nothing.
class EventStore {
 public:
  virtual ~EventStore() = default;

  /// What a store calls. It may hold locks of its own meanwhile: neither calls the store back, or waits for long.
  struct Callbacks {
    /// Takes every entry once, in order, from one thread at a time, when the entry is sure to survive. Throws nothing.
    /// An entry whose sequence is not greater than that of the one before is ignored.
    std::function<void(std::span<const LogEntry>)> on_appended;
    /// Takes the new status() when it has changed, from one thread at a time. Throws nothing.
    std::function<void(const StoreStatus&)> on_status;
  };

  /// Called by the server that uses the store, before all other members but those that describe the log (epoch(),
  /// head(), oldest(), max_event_bytes()). From here on the store may call the callbacks. Throws std::logic_error if a
  /// server uses it already.
  virtual void start(Callbacks callbacks) = 0;

  /// Called by that server when it is destroyed. No callback is running when it returns, and none runs after it. The
  /// store can be started again. append() throws StoreUnavailable until then. Throws nothing.
  virtual void stop() = 0;

  /// Tag of the IDs that the log gives, `<epoch>-<sequence>`: 1 to kMaxEpochBytes letters and digits, the same as long
  /// as the store keeps its entries, and of no other store; see new_store_epoch().
  virtual const std::string& epoch() const = 0;

  /// Sequence of the newest entry that on_appended has taken; before that, of the entry behind which on_appended will
  /// begin, which is the newest there is, or an older one; 0 if there never was one. Never falls, also when the entry
  /// is dropped or the program starts anew.
  virtual std::uint64_t head() const = 0;

  /// Sequence of the oldest entry that is still here; head() + 1 if there is none.
  virtual std::uint64_t oldest() const = 0;

  /// Appends the publications in order, all or none, and puts the sequence of each into `sequences`, which has the same
  /// size; 0 if there was nothing to append:
  /// - for an event with an ID that the same publisher has published to the topic before, if that event is still here
  ///   and the topic has not begun anew since;
  /// - for a finish of a topic that is finished, and for a begin of one that is not.
  /// A topic is finished if the newest of its entries that are still here is a finish. It begins anew with the next
  /// event or begin after a finish.
  ///
  /// Before it returns, the entries survive what the store promises to survive, and on_appended has taken them. Throws
  /// StoreUnavailable if they were not appended, or if nobody can tell: the publisher may try again.
  ///
  /// What a bound no longer lets the store keep, it drops from the old end; never an entry in the middle, and never
  /// its newest entry for lack of room.
  virtual void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) = 0;

  /// Sequence of the event with this publisher's ID in the topics that match, or nothing. If one publisher has used the
  /// ID several times in a topic, its newest event counts; of the events that remain, the oldest, so that a client
  /// which resumes there misses nothing. May return nothing if more than kMaxIdHolders of these topics and publishers
  /// have the ID. An ID that the log itself gave is not found here.
  virtual std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const = 0;

  /// Where the topics of the filter ended for a reader that has seen everything up to `seen`; nothing if they go on.
  /// - With wildcards: nothing.
  /// - One topic: its first finish from `seen` on, though it may have begun anew since; otherwise its newest finish if
  ///   the topic is finished.
  /// - Several topics: the newest finish of all if every one is finished.
  virtual std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const = 0;

  /// A part of the log.
  struct Page {
    std::vector<LogEntry> entries = {};  ///< in order
    /// All entries up to here that match are in `entries`, or were asked for before. Greater than the sequence that was
    /// asked for, unless there is nothing behind it.
    std::uint64_t through = 0;
    std::uint64_t oldest = 0;  ///< oldest() when the page was read: if it is beyond the sequence asked for, entries are
                               ///< missing, which the server reports as a gap
  };
  /// The next entries after `sequence` that match, marks included, up to head(). At most kPageEntries, and no further
  /// ones after kPageBytes of payload; it may stop anywhere, such as after looking at kPageScan entries. A PageScan
  /// keeps to these bounds.
  virtual Page read_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  /// Of which topics read_newest() reads.
  enum class Topics : std::uint8_t {
    kGoingOn,  ///< those that are not finished, or have had an event since
    kAll,      ///< finished ones, too
  };
  /// The newest event of each topic, where that lies after `sequence` and not after `until`, and the topic matches; in
  /// the order of the log. Events only, no marks. Bounded like read_after(), and `through` is at most `until`. What an
  /// event behind `until` has replaced is left out. This one reads the log: its cost is that of what the log has after
  /// `sequence`. A store with an index of its topics does better.
  virtual Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter, Topics topics) const;

  /// Whether it keeps an event with Publication::retain, as long as that is its topic's newest and the topic is not
  /// finished, beyond its bounds. If not, the server refuses such events. append() throws RetentionRefused where its
  /// bounds on these events allow no more.
  virtual bool retains() const { return false; }

  /// For a store that retains: a sequence after `sequence` and, unless that is beyond it, at most oldest(), such that
  /// no retained event whose topic matches lies between the two. May be that of one that does not match, after looking
  /// at kPageScan of them.
  virtual std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& /*filter*/) const {
    return std::max(oldest(), sequence + 1);
  }

  /// For a log to which other programs append as well: waits, for a bounded time, until on_appended has taken the entry
  /// with this sequence. False if there is no such entry.
  virtual bool catch_up(std::uint64_t sequence) const { return sequence <= head(); }
  /// The same for all entries that are there now.
  virtual void catch_up_with_others() const {}

  /// Largest data of an event that the store accepts, in bytes.
  virtual std::size_t max_event_bytes() const { return SIZE_MAX; }

  /// Whether it accepts events, and why not. Never waits.
  virtual StoreStatus status() const = 0;

  /// Figures for /metrics. Never waits.
  virtual StoreStatistics statistics() const = 0;

  static constexpr std::size_t kMaxEpochBytes = 32;      ///< longest epoch()
  static constexpr std::size_t kPageEntries = 64;        ///< entries in a page
  static constexpr std::size_t kPageBytes = 256 * 1024;  ///< payload after which a page ends
  static constexpr std::size_t kPageScan = 4096;         ///< entries looked at for a page
};

class TopicMatcher;

/// A page in the making: looks at one entry after the other, and says when the page has to end. Its cost for a topic
/// does not depend on the number of patterns. One thread.
///
///   millrace::PageScan scan(filter, sequence);
///   for (auto entry = first_after(sequence); entry != end && !scan.is_full(); ++entry) {
///     if (scan.wants(entry->sequence, entry->topic)) scan.add(entry->payload.size());
///   }
///   // then: page.through = scan.through(), or head() if the loop came to the end
class PageScan {
 public:
  /// Begins behind `sequence`. The filter must outlive it.
  PageScan(const TopicFilter& filter, std::uint64_t sequence);
  ~PageScan();
  PageScan(const PageScan&) = delete;
  PageScan& operator=(const PageScan&) = delete;

  /// Looks at the next entry. True if its topic matches: put it into the page, and call add().
  bool wants(std::uint64_t sequence, Topic topic);
  /// Counts an entry of this many bytes.
  void add(std::size_t bytes);

  /// Whether the page has to end here.
  bool is_full() const;
  /// Sequence of the last entry that was looked at.
  std::uint64_t through() const { return through_; }
  /// Steps that this took.
  std::size_t work() const;

 private:
  std::unique_ptr<TopicMatcher> matcher_;
  std::uint64_t through_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
};

}  // namespace millrace
