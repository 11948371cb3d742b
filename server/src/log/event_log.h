// EventLog: all published entries, in one order, and the hub's queries on them.
//
// Entries are events, and marks that a topic is finished or begins again. Each has a sequence number greater than those
// before it. RingEventLog keeps the newest in memory; a StoredLog asks an EventStore, which keeps them over a restart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frame.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/event_store.h"
#include "millrace/server/publication.h"
#include "millrace/server/topic_filter.h"
#include "place.h"

namespace millrace {

/// Work that an event loop spends on reading the log for subscribers that catch up, before its sockets and live
/// subscribers have their turn: one for each step of matching, and kWorkPerFrame for each delivered event. A page of
/// the log ends after half of it.
inline constexpr std::size_t kReadWorkPerTurn = 8'192;

/// Steps of kReadWorkPerTurn that each delivered event costs.
inline constexpr std::size_t kWorkPerFrame = 16;

// A page of the log, half a turn's work, carries more than a few events, and ends behind a topic's costliest match.
static_assert(kReadWorkPerTurn / 2 >= 16 * kWorkPerFrame);
static_assert(kReadWorkPerTurn / 2 >= std::size_t{1} << kMaxWildcardDepth);

class EventLog {
 public:
  virtual ~EventLog() = default;

  /// Tags the IDs this log gives: `<epoch>-<sequence>`.
  virtual const std::string& epoch() const = 0;
  /// Sequence of the newest entry ever appended; 0 before the first.
  virtual std::uint64_t head() const = 0;
  /// Sequence of the oldest entry still here; head() + 1 if there is none.
  virtual std::uint64_t oldest() const = 0;

  /// The sequence of the event with this publisher's ID among the topics that match. Of one topic and publisher the
  /// newest counts; of several, the oldest, so that nothing is lost. Nothing also where there are more than
  /// kMaxIdHolders to look at.
  virtual std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const = 0;

  /// The sequence with which the last of the filter's topics was finished; nothing if one of them goes on, or if the
  /// filter has wildcards, which never end. For who listens to one topic, and has seen all up to `seen`, it is the
  /// first finish from there on, though the topic may have begun anew.
  virtual std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const = 0;

  struct Page {
    std::vector<FramePtr> frames = {};
    std::uint64_t through = 0;  ///< how far the log has been looked at
    std::uint64_t oldest =
        0;                 ///< of the log that was looked at: were there entries before it, they are not in `frames`
    std::size_t work = 0;  ///< steps that it took
  };
  /// Entries after `sequence` that match. Bounded by kPageFrames, kPageBytes, kPageScan and kPageWork.
  virtual Page read_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  /// The newest events of topics, after the place, that match, as it reads them. Bounded as above. `through` is at most
  /// the place's `until`, and at most the head.
  virtual Page read_newest(const Place& place, const TopicFilter& filter) const = 0;

  /// Up to here, events that were the newest of their topics may have gone.
  virtual std::uint64_t forgotten() const = 0;

  /// Sequence after `sequence` and at most oldest(), such that no retained event that matches lies between the two.
  virtual std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  static constexpr std::size_t kPageFrames = EventStore::kPageEntries;
  static constexpr std::size_t kPageBytes = EventStore::kPageBytes;
  static constexpr std::size_t kPageScan = EventStore::kPageScan;  ///< entries looked at for a filter with wildcards
  static constexpr std::size_t kPageWork = kReadWorkPerTurn / 2;

  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< of who looks at the end of the log
};

/// What the StoreUnavailable that append() throws says, with the reason.
std::string append_refusal(std::string_view reason);

/// A reason that needs no memory to be passed on, not even as a std::string.
inline constexpr std::string_view kOutOfMemory = "out of memory";

/// The ID of the entry with this sequence, where its publisher gave none. Throws StoreUnavailable if the epoch cannot
/// stand in an ID, as that of a damaged store: a Feed finds out when it is made.
OwnedEventId id_of(std::string_view epoch, std::uint64_t sequence);

/// Whether a log in memory may have given this ID: `<epoch>-<digits>`, of an epoch as memory_epoch() makes them. Such a
/// log's epochs end with its program, and nobody knows afterwards which were whose.
bool is_from_memory(std::string_view id);

/// The epoch of a log in memory, and of one in a store, made of at least 7 random letters and digits.
std::string memory_epoch(std::string random);
std::string store_epoch(std::string random);

/// In the place of a publisher_key(): of events from before publishers were told apart. They count as everyone's.
inline constexpr std::string_view kAnyPublisher = "*";

/// The event as it is kept and sent. Without an ID of its publisher's it gets that of its entry.
std::string payload_of(std::string_view epoch, std::uint64_t sequence, const Event& event);

/// The entry's frame.
std::shared_ptr<Frame> frame_of(std::string_view epoch, const LogEntry& entry, TimePoint published);

/// The frame of the publication's entry, encoded.
std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now);

}  // namespace millrace
