// EventLog: all published entries, in one order, and the hub's queries on them.
//
// An entry is an event, or a mark: a topic is finished, or begins again. Sequence numbers increase. RingEventLog keeps
// the newest entries in memory; StoredLog reads an EventStore, which keeps them over a restart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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

/// Steps that an event loop spends per turn on reading the log for subscribers that catch up: one for each step of
/// matching, and kWorkPerFrame for each delivered event. Then sockets and live subscribers get their turn. A page of
/// the log ends after half of it.
inline constexpr std::size_t kReadWorkPerTurn = 8'192;

/// Steps of kReadWorkPerTurn that each delivered event costs.
inline constexpr std::size_t kWorkPerFrame = 16;

// A page, half a turn's work, must hold more than a few events, and one topic's costliest match.
static_assert(kReadWorkPerTurn / 2 >= 16 * kWorkPerFrame);
static_assert(kReadWorkPerTurn / 2 >= std::size_t{1} << kMaxWildcardDepth);

/// Bytes of data of these events together.
std::size_t data_bytes(std::span<const Publication> publications);

class EventLog {
 public:
  virtual ~EventLog() = default;

  /// The tag of the IDs that this log gives, `<epoch>-<sequence>`.
  virtual const std::string& epoch() const = 0;
  /// Sequence of the newest entry ever appended; 0 before the first.
  virtual std::uint64_t head() const = 0;
  /// Sequence of the oldest entry in the log; head() + 1 if it is empty.
  virtual std::uint64_t oldest() const = 0;

  /// The sequence of the event with this publisher's ID in the topics that match. For one topic and publisher the
  /// newest event counts; among several of them the oldest, so that nothing is lost. Nothing if more than kMaxIdHolders
  /// must be checked.
  virtual std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const = 0;

  /// The sequence of the finish that ended the last of the filter's topics; nothing if one topic continues, or if the
  /// filter has wildcards, which never end. With a single topic, for a reader that has seen everything up to `seen`:
  /// the first finish from there on, even if the topic has begun again.
  virtual std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const = 0;

  struct Page {
    std::vector<FramePtr> frames = {};
    std::uint64_t through = 0;  ///< how far the log was read
    std::uint64_t oldest = 0;   ///< oldest entry of the log that was read: `frames` lacks any before it
    std::size_t work = 0;       ///< steps of reading
  };
  /// The matching entries after `sequence`. Bounded by kPageFrames, kPageBytes, kPageScan and kPageWork.
  virtual Page read_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  /// The matching newest events of topics after `place`, as the place reads them. Bounded as above. `through` is at
  /// most the place's `until`, and at most the head.
  virtual Page read_newest(const Place& place, const TopicFilter& filter) const = 0;

  /// Events up to here that were the newest of their topics may be gone.
  virtual std::uint64_t forgotten() const = 0;

  /// A sequence after `sequence`, at most oldest(), such that no matching retained event lies between the two.
  virtual std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  static constexpr std::size_t kPageFrames = EventStore::kPageEntries;
  static constexpr std::size_t kPageBytes = EventStore::kPageBytes;
  static constexpr std::size_t kPageScan = EventStore::kPageScan;  ///< entries checked for a filter with wildcards
  static constexpr std::size_t kPageWork = kReadWorkPerTurn / 2;

  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< `seen` of a reader at the end of the log
};

/// The sentence of the StoreUnavailable that append() throws, with the reason.
std::string append_refusal(std::string_view reason);

/// A reason that needs no memory, not even for a std::string.
inline constexpr std::string_view kOutOfMemory = "out of memory";

/// The ID of the entry with this sequence, if its publisher gave none. Throws StoreUnavailable if the epoch is invalid
/// in an ID, as in a damaged store; a Feed checks that in its constructor.
OwnedEventId id_of(std::string_view epoch, std::uint64_t sequence);

/// Whether a log in memory may have given this ID: `<epoch>-<digits>`, with an epoch like those of memory_epoch(). Such
/// an epoch ends with its program; afterwards nothing tells which program it belonged to.
bool is_from_memory(std::string_view id);

/// The epoch of a log in memory or in a store, made of at least 7 random letters and digits.
std::string memory_epoch(std::string random);
std::string store_epoch(std::string random);

/// In place of a publisher_key(), for events of older versions, which did not distinguish publishers: counts as every
/// publisher.
inline constexpr std::string_view kAnyPublisher = "*";

/// The event as it is kept: as it is sent, with its trace in front. If its publisher gave no ID, it gets the ID of its
/// entry.
std::string payload_of(std::string_view epoch, std::uint64_t sequence, const Event& event);

/// The entry's frame.
std::shared_ptr<Frame> frame_of(std::string_view epoch, const LogEntry& entry, TimePoint published);

/// The frame of the publication's entry, encoded.
std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now);

}  // namespace millrace
