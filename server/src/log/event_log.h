// EventLog: all published entries, in one order, and the hub's queries on them.
//
// Entries are events, and marks that a topic is finished or begins again. Each has a sequence number greater than those
// before it. RingEventLog keeps the newest in memory; an EventStore keeps them over a restart.
#pragma once

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
#include "millrace/core/limits.h"
#include "millrace/core/time.h"
#include "millrace/server/publication.h"
#include "topic_filter.h"

namespace millrace {

class EventLog {
 public:
  virtual ~EventLog() = default;

  /// Tags the IDs this log gives: `<epoch>-<sequence>`.
  virtual const std::string& epoch() const = 0;
  /// Sequence of the newest entry ever appended; 0 before the first.
  virtual std::uint64_t head() const = 0;
  /// Sequence of the oldest entry still here; head() + 1 if there is none.
  virtual std::uint64_t oldest() const = 0;

  /// Appends them, in order, all or none, and puts each one's frame into `appended`, which has their size. The frame is
  /// null where nothing was to be appended: an event that its publisher has published to the topic already, the
  /// beginning of a topic that is not finished, or the finish of one that is. Throws StoreUnavailable if the log cannot
  /// take them now.
  virtual void append(std::span<const Publication> publications, TimePoint now, std::span<FramePtr> appended) = 0;

  /// The sequence of the event with this publisher's ID among the topics that match. Of one topic and publisher the
  /// newest counts; of several, the oldest, so that nothing is lost. Nothing also where there are more than
  /// kMaxIdHolders to look at.
  virtual std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const = 0;

  /// The sequence with which the last of the filter's topics was finished; nothing if one of them goes on, or if the
  /// filter has wildcards, which never end. For who listens to one topic, and has seen all up to `seen`, it is the
  /// first finish from there on, though the topic may have begun anew.
  virtual std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const = 0;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;  ///< how far the log has been looked at
    std::uint64_t oldest =
        0;                 ///< of the log that was looked at: were there entries before it, they are not in `frames`
    std::size_t work = 0;  ///< steps that it took
  };
  /// Entries after `sequence` that match. Bounded by kPageFrames, kPageBytes, kPageScan and kPageWork.
  virtual Page read_after(std::uint64_t sequence, const TopicFilter& filter) const = 0;

  static constexpr std::size_t kPageFrames = 64;
  static constexpr std::size_t kPageBytes = 256 * 1024;
  static constexpr std::size_t kPageScan = 4096;  ///< entries looked at for a filter with wildcards
  static constexpr std::size_t kPageWork = kReadWorkPerTurn / 2;

  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< of who looks at the end of the log
};

/// A page in the making, for a filter with wildcards: looks at one entry after the other.
class PageScan {
 public:
  /// Begins behind `sequence`.
  PageScan(const TopicFilter& filter, std::uint64_t sequence);

  /// The next entry's topic. True: add() it.
  bool wants(std::uint64_t sequence, Topic topic);
  void add(FramePtr frame);

  std::uint64_t through() const { return page_.through; }
  bool is_full() const;
  EventLog::Page take(std::uint64_t oldest);

 private:
  TopicMatcher matcher_;
  EventLog::Page page_;
  std::size_t looked_at_ = 0;
  std::size_t bytes_ = 0;
};

/// A log that outlives the program. Its members may be called from any thread, and may wait for a disk or a network.
/// All of them but start() throw StoreUnavailable where they cannot do what they are asked for now.
class EventStore : public EventLog {
 public:
  /// Is given every entry once, in order, when it is sure to survive, and before append() returns. It must not throw:
  /// what has been stored would be lost to those who listen.
  using OnAppended = std::function<void(std::span<const FramePtr>)>;
  /// To be called once, before append().
  virtual void start(OnAppended on_appended) = 0;

  /// Where other programs append, too: waits, for a bounded time, until the entry with this sequence has been handed
  /// over. False if there is none.
  virtual bool catch_up(std::uint64_t sequence) const { return sequence <= head(); }
  /// Likewise, for all that is there by now.
  virtual void catch_up_with_others() const {}

  /// Data of an event, at most.
  virtual std::size_t max_event_bytes() const { return SIZE_MAX; }

  /// Why it takes no events now, as a sentence; empty if it does.
  virtual std::string trouble() const = 0;

  virtual StoreStatistics statistics() const = 0;
};

/// What the StoreUnavailable that append() throws says, with the reason.
std::string append_refusal(std::string_view reason);

/// A reason that needs no memory to be passed on, not even as a std::string.
inline constexpr std::string_view kOutOfMemory = "out of memory";

/// The ID of the entry with this sequence, where its publisher gave none.
std::string id_of(std::string_view epoch, std::uint64_t sequence);

/// Whether a log in memory may have given this ID: `<epoch>-<digits>`, of an epoch as memory_epoch() makes them. Such a
/// log's epochs end with its program, and nobody knows afterwards which were whose.
bool is_from_memory(std::string_view id);

/// The epoch of a log in memory, and of one in a store, made of at least 7 random letters and digits.
std::string memory_epoch(std::string random);
std::string store_epoch(std::string random);

/// What stands for a publisher in a log, of a bounded length: empty for the program itself.
std::string publisher_key(std::string_view publisher);

/// In the place of a publisher_key(): of events from before publishers were told apart. They count as everyone's.
inline constexpr std::string_view kAnyPublisher = "*";

/// The entry's frame, encoded.
std::shared_ptr<Frame> encode(std::string_view epoch, std::uint64_t sequence, const Publication& publication,
                              TimePoint now);

}  // namespace millrace
