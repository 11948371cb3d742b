// RingEventLog: the newest events, in memory, bounded by count, bytes and age.
//
// An index by topic makes reading cost what it delivers, not what the log holds; an index by the publishers' own IDs
// finds where a client resumes and which event comes a second time. That a topic is finished is an entry of the log
// like any other, and forgotten with it. Not thread-safe: its hub guards it. No clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../stream/frame.h"
#include "../stream/topic_filter.h"
#include "../string_map.h"
#include "millrace/core/event.h"
#include "millrace/server/hub.h"

namespace millrace {

class RingEventLog {
 public:
  struct Bounds {
    std::size_t events;
    std::size_t bytes;
    Duration age{0};  ///< zero: none
  };

  /// `epoch` tags the IDs this log gives; sequences begin at 1.
  RingEventLog(std::string epoch, const Bounds& bounds);

  /// Encodes the event and appends it; what no longer fits goes, oldest first. The publisher's ID must be new, by
  /// has_published(). A finished topic begins anew.
  FramePtr append(Topic topic, const Event& event, TimePoint now, IdScope scope = IdScope::kLog);

  /// Appends that the topic is finished.
  FramePtr append_finish(Topic topic, TimePoint now);

  /// Appends that a finished topic begins anew. Nothing if it is not finished.
  FramePtr append_begin(Topic topic, TimePoint now);

  /// Drops what is older than the bound on age.
  void expire(TimePoint now);

  /// Sequence of the newest event ever appended; 0 before the first.
  std::uint64_t head() const { return first_ + frames_.size() - 1; }
  /// Sequence of the oldest event still here; head() + 1 if there is none.
  std::uint64_t oldest() const { return first_; }

  /// Whether an event with this publisher's ID is here that the ID would be confused with.
  bool has_published(Topic topic, std::string_view publisher_id, IdScope scope) const;

  /// The sequence of the event with this publisher's ID, while it is here.
  std::optional<std::uint64_t> find(std::string_view publisher_id) const;
  /// The same for an ID that is a topic's own. Where several topics have it the oldest counts, so that nothing is lost.
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const;

  /// The sequence with which the last of the filter's topics was finished; nothing if one of them goes on, or if the
  /// filter has wildcards, which never end. For who listens to one topic, and has seen all up to `seen`, it is the
  /// first finish from there on, though the topic may have begun anew.
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen = kNow) const;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;
  };
  /// Events after `sequence`, which must be at least oldest() - 1, that match. Bounded by kPageFrames, kPageBytes and
  /// kPageScan; `through` says how far it has looked.
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const;

  const std::string& epoch() const { return epoch_; }
  /// Of the entries, with their topics and publishers' IDs.
  std::size_t bytes() const { return bytes_; }

  /// The ID of the event with this sequence, where its publisher gave none.
  std::string id_of(std::uint64_t sequence) const;

  static constexpr std::size_t kPageFrames = 64;
  static constexpr std::size_t kPageBytes = 256 * 1024;
  static constexpr std::size_t kPageScan = 4096;  ///< events looked at for a filter with wildcards

  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< of who looks at the end of the log

 private:
  const FramePtr& at(std::uint64_t sequence) const { return frames_[sequence - first_]; }
  struct TopicEntry {
    std::deque<std::uint64_t> sequences;  // of its events, its finish included
    std::vector<std::uint64_t> finishes;  // those that are still here
    bool is_finished = false;
  };

  FramePtr append_mark(Topic topic, TimePoint now, bool finishes_topic);
  FramePtr push(std::shared_ptr<Frame> frame);
  void evict_oldest();
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;
  Page merge(std::uint64_t sequence, const TopicFilter& filter) const;

  std::string epoch_;
  const Bounds bounds_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 1;
  std::deque<FramePtr> frames_;
  StringMap<TopicEntry> topics_;            // those with events here
  StringMap<std::uint64_t> publisher_ids_;  // by index_key()
};

}  // namespace millrace
