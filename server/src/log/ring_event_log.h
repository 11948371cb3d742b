// RingEventLog: the newest events, in memory, bounded by count, bytes and age.
//
// With an index by topic, reading costs what it delivers, not what the log holds. An index by the publishers' own IDs
// finds where a client resumes and which event comes a second time. The end of a topic is an ordinary entry of the log,
// and is removed like one. If a store keeps the events, the ring follows it and is its memory. Not thread-safe: its hub
// guards it. No clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.h"
#include "event_log.h"
#include "id_index.h"
#include "pinned_bytes.h"

namespace millrace {

class RingEventLog final : public EventLog {
 public:
  struct Bounds {
    std::size_t events;
    std::size_t bytes;
    std::optional<Duration> age = {};
  };

  /// `epoch` tags the IDs this log gives; `head` is the sequence before its first entry's.
  /// `pinned` is told which entries have gone; null: nobody.
  RingEventLog(std::string epoch, const Bounds& bounds, std::uint64_t head = 0, PinnedBytes* pinned = nullptr);

  /// Appends the publication and returns its frame; null where there is nothing to append, as EventStore::append()
  /// says. What no longer fits goes, oldest first.
  FramePtr append(const Publication& publication, TimePoint now);

  /// Takes over an entry of the log that this one follows. Where entries before it are missing here, those that are
  /// here go.
  void follow(FramePtr frame);

  /// Drops what is older than the bound on age.
  void expire(TimePoint now);

  const std::string& epoch() const override { return epoch_; }
  std::uint64_t head() const override { return first_ + frames_.size() - 1; }
  std::uint64_t oldest() const override { return first_; }
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override;
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen = kNow) const override;
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override;

  /// The entries after `sequence`, which is not before the oldest's: at most `count`, in place of what is in `entries`.
  void copy_after(std::uint64_t sequence, std::size_t count, std::vector<FramePtr>& entries) const;

  std::size_t entries() const { return frames_.size(); }
  /// Of the entries, with their topics and publishers' IDs.
  std::size_t bytes() const { return bytes_; }

 private:
  const FramePtr& at(std::uint64_t sequence) const { return frames_[sequence - first_]; }
  struct TopicEntry {
    std::deque<std::uint64_t> sequences;  // of its events, its finish included
    std::vector<std::uint64_t> finishes;  // those that are still here
    bool is_finished = false;
    std::uint64_t begun = 0;  // the entry with which it began anew
  };

  bool is_new(const Publication& publication) const;
  bool has_published(const Publication& publication) const;
  void evict_oldest();
  Page scan(std::uint64_t sequence, const TopicFilter& filter) const;
  Page merge(std::uint64_t sequence, const TopicFilter& filter) const;

  std::string epoch_;
  const Bounds bounds_;
  PinnedBytes* const pinned_;
  std::size_t bytes_ = 0;
  std::uint64_t first_;
  std::deque<FramePtr> frames_;
  StringMap<TopicEntry> topics_;  // those with events here
  IdIndex ids_;
};

}  // namespace millrace
