// RingEventLog: the newest events, in memory, bounded by count and bytes.
//
// An index by topic makes reading cost what it delivers, not what the log holds; an index by the publishers' own IDs
// finds where a client resumes and which event comes a second time. Not thread-safe: its hub guards it. No clock, no
// I/O.
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

namespace millrace {

class RingEventLog {
 public:
  /// `epoch` tags the IDs this log gives; sequences begin at 1.
  RingEventLog(std::string epoch, std::size_t max_events, std::size_t max_bytes);

  /// Encodes the event and appends it; what no longer fits goes, oldest first. The publisher's ID must be new.
  FramePtr append(Topic topic, const Event& event);

  /// Sequence of the newest event ever appended; 0 before the first.
  std::uint64_t head() const { return first_ + frames_.size() - 1; }
  /// Sequence of the oldest event still here; head() + 1 if there is none.
  std::uint64_t oldest() const { return first_; }

  /// The sequence of the event with this publisher's ID, while it is here.
  std::optional<std::uint64_t> find(std::string_view publisher_id) const;

  struct Page {
    std::vector<FramePtr> frames;
    std::uint64_t through = 0;
  };
  /// Events after `sequence`, which must be at least oldest() - 1, that match. Bounded by kPageFrames, kPageBytes and
  /// kPageScan; `through` says how far it has looked.
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const;

  const std::string& epoch() const { return epoch_; }

  static constexpr std::size_t kPageFrames = 64;
  static constexpr std::size_t kPageBytes = 256 * 1024;
  static constexpr std::size_t kPageScan = 4096;  ///< events looked at for a filter with wildcards

 private:
  const FramePtr& at(std::uint64_t sequence) const { return frames_[sequence - first_]; }
  void evict_oldest();
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;
  Page merge(std::uint64_t sequence, const TopicFilter& filter) const;

  std::string epoch_;
  std::size_t max_events_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t first_ = 1;
  std::deque<FramePtr> frames_;
  StringMap<std::deque<std::uint64_t>> topics_;  // sequences of each topic's events
  StringMap<std::uint64_t> publisher_ids_;
};

}  // namespace millrace
