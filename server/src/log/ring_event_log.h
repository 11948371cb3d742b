// RingEventLog: the newest events, in memory, bounded by count, bytes and age.
//
// With an index by topic, the cost of reading depends on what it delivers, not on the size of the log. An index by
// publishers' IDs finds where a client resumes, and repeated events. An index of each topic's newest event, in the
// order of the log, does the same for the state of topics, and keeps retained events that the ring has dropped. A
// finish is an ordinary entry of the log and is removed like one. If a store keeps the events, the ring follows the
// store as its cache. Not thread-safe: the feed guards it. No clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/string_map.h"
#include "event_log.h"
#include "id_index.h"
#include "pinned_bytes.h"
#include "sequence_queue.h"
#include "sequence_set.h"

namespace millrace {

/// Checks the entry with the scan; if one of its topics matches, adds it to `frames` with those that do.
void take_wanted(const FramePtr& frame, PageScan& scan, std::vector<FramePtr>& frames);

/// What each further topic of an event counts in Bounds::bytes, besides its text: the log lists the event under each.
inline constexpr std::size_t kFurtherTopicBytes = 256;

class RingEventLog final : public EventLog {
 public:
  struct Bounds {
    std::size_t events;
    std::size_t bytes;
    std::optional<Duration> age = {};
    std::size_t retained_topics = kMaxRetainedTopics;
    std::size_t retained_bytes = kMaxRetainedBytes;
  };

  /// `epoch` tags the IDs that this log gives; `head` is the sequence before its first entry. Reports removed entries
  /// to `pinned`, which may be null.
  RingEventLog(std::string epoch, const Bounds& bounds, std::uint64_t head = 0, PinnedBytes* pinned = nullptr);

  /// Appends the publication and returns its frame; returns null if nothing must be appended, as in
  /// EventStore::append(). Removes what no longer fits, oldest first. `encoded` is its frame, if refusal() has made it.
  FramePtr append(const Publication& publication, TimePoint now, FramePtr encoded = nullptr);

  /// Why the publications cannot all be appended `now`: a sentence that names the bound of retained events. Nothing if
  /// they fit. Puts the frames that it had to make into `encoded`, each at its publication's index.
  std::optional<std::string> refusal(std::span<const Publication> publications, TimePoint now,
                                     std::vector<FramePtr>& encoded) const;

  /// Why the publications cannot all be appended: a sentence about an event of several topics whose ID is in use in
  /// some of them. Nothing if they can.
  std::optional<std::string> id_conflict(std::span<const Publication> publications) const;

  /// Appends an entry of the store that this log follows. If entries before it are missing here, it first removes all
  /// older ones.
  void follow(FramePtr frame);

  /// Removes entries older than the bound on age.
  void expire(TimePoint now);

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return first_ + slots_.size() - 1; }
  std::uint64_t oldest() const override { return first_; }
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen = kNow) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;

  Page read_newest(const Place& place, const TopicFilter& filter) const override;
  std::uint64_t forgotten() const override { return forgotten_; }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override;

  /// Whether a topic of the filter, which has no wildcards, was finished after `sequence`.
  bool has_finished_after(std::uint64_t sequence, const TopicFilter& filter) const;

  /// An event that is the newest of topics.
  struct NewestEvent {
    FramePtr frame;
    TopicSet topics = 0;  ///< those topics
  };
  /// Replaces `events` by at most `count` newest events of topics after `after`, as the place reads them. Returns the
  /// sequence up to which it has checked all.
  std::uint64_t copy_newest(const Place& place, std::uint64_t after, std::size_t count,
                            std::vector<NewestEvent>& events) const;
  /// Moves events that copy_newest() has copied into `frames`, until the page is full: each once, with those of these
  /// topics that match. Returns whether all fitted.
  static bool take_newest(std::vector<NewestEvent>& events, PageScan& scan, std::vector<FramePtr>& frames);

  /// Replaces `entries` by at most `count` entries after `sequence`, which must not be before the oldest.
  void copy_after(std::uint64_t sequence, std::size_t count, std::vector<FramePtr>& entries) const;

  std::size_t entries() const { return slots_.size(); }
  /// Bytes of the entries, with their topics and publishers' IDs, and kFurtherTopicBytes.
  std::size_t bytes() const { return bytes_; }
  /// The number of retained events, including those that the ring has dropped, and their bytes.
  std::size_t retained_topics() const { return retained_topics_; }
  std::size_t retained_bytes() const { return retained_bytes_; }

 private:
  // An entry, with what it still stands for.
  struct Slot {
    FramePtr frame;
    TopicSet newest = 0;    // topics whose newest event it is
    TopicSet finished = 0;  // of these, those finished after it, without a newer event: not part of the state
    bool retains(TopicSet topic) const { return frame->is_retained && (newest & ~finished & topic) != 0; }
  };
  // Where a topic's newest event is.
  struct NewestPlace {
    std::uint64_t sequence = 0;  // 0: the log has none
    TopicSet topic = 0;          // the topic among the event's
  };
  struct TopicEntry {
    SequenceQueue sequences;              // of its events, its finish included
    std::vector<std::uint64_t> finishes;  // those that are still here
    bool is_finished = false;
    std::uint64_t begun = 0;  // the entry with which it began anew
    NewestPlace newest;
  };

  const FramePtr& at(std::uint64_t sequence) const { return slots_[sequence - first_].frame; }
  // The entry at this place, in the ring or retained.
  const Slot& slot(const NewestPlace& place) const;
  Slot& slot(const NewestPlace& place) { return const_cast<Slot&>(std::as_const(*this).slot(place)); }
  bool is_new(const Publication& publication) const;
  std::optional<std::uint64_t> published_as(const Publication& publication, Topic topic) const;
  void add_to_topic(std::size_t index);
  void evict_oldest();
  bool drop_from_topic(const Slot& oldest, std::size_t index);
  void set_newest(TopicEntry& topic, std::size_t index);
  void unset_newest(const NewestPlace& place);
  void finish(TopicEntry& topic);
  void forget(const FramePtr& frame, TopicSet topic);
  bool is_here(const Frame& frame) const { return frame.sequence >= first_; }
  Page newest_of_topics(const Place& place, const TopicFilter& filter) const;
  Page scan_newest(const Place& place, const TopicFilter& filter) const;
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;
  Page merge(std::uint64_t sequence, const TopicFilter& filter) const;

  std::string epoch_;
  const Bounds bounds_;
  PinnedBytes* const pinned_;
  std::size_t bytes_ = 0;
  std::uint64_t first_;
  std::deque<Slot> slots_;
  SequenceSet newest_;                      // entries of the ring that are the newest of a topic
  std::map<std::uint64_t, Slot> retained_;  // entries before the ring, by sequence
  StringMap<TopicEntry> topics_;            // topics with events in the ring or retained
  std::uint64_t forgotten_ = 0;
  std::size_t retained_topics_ = 0;
  std::size_t retained_bytes_ = 0;
  IdIndex ids_;
};

}  // namespace millrace
