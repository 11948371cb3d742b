// RingEventLog: the newest events, in memory, bounded by count, bytes and age.
//
// With an index by topic, reading costs what it delivers, not what the log holds. An index by the publishers' own IDs
// finds where a client resumes and which event comes a second time. An index of each topic's newest event, in the order
// of the log, makes the state of topics cost what it delivers, too, and keeps retained events when the ring has dropped
// them. The end of a topic is an ordinary entry of the log, and is removed like one. If a store keeps the events, the
// ring follows it and is its memory. Not thread-safe: its hub guards it. No clock, no I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
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
    std::size_t retained_topics = kMaxRetainedTopics;
    std::size_t retained_bytes = kMaxRetainedBytes;
  };

  /// `epoch` tags the IDs this log gives; `head` is the sequence before its first entry's.
  /// `pinned` is told which entries have gone; null: nobody.
  RingEventLog(std::string epoch, const Bounds& bounds, std::uint64_t head = 0, PinnedBytes* pinned = nullptr);

  /// Appends the publication and returns its frame; null where there is nothing to append, as EventStore::append()
  /// says. What no longer fits goes, oldest first.
  FramePtr append(const Publication& publication, TimePoint now);

  /// Why the publications cannot all be appended: a sentence that names the bound of retained events. Nothing if they
  /// can.
  std::optional<std::string> refusal(std::span<const Publication> publications) const;

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

  Page read_newest(const Place& place, const TopicFilter& filter) const override;
  std::uint64_t forgotten() const override { return forgotten_; }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override;

  /// Whether a topic of the filter, which has no wildcards, has been finished after `sequence`.
  bool has_finished_after(std::uint64_t sequence, const TopicFilter& filter) const;

  /// The newest events of topics after `after`, as the place reads them: at most `count`, in place of what is in
  /// `events`. Returns up to where all have been looked at.
  std::uint64_t copy_newest(const Place& place, std::uint64_t after, std::size_t count,
                            std::vector<FramePtr>& events) const;

  /// The entries after `sequence`, which is not before the oldest's: at most `count`, in place of what is in `entries`.
  void copy_after(std::uint64_t sequence, std::size_t count, std::vector<FramePtr>& entries) const;

  std::size_t entries() const { return frames_.size(); }
  /// Of the entries, with their topics and publishers' IDs.
  std::size_t bytes() const { return bytes_; }
  /// Retained events, whether the ring still has them or not, and their bytes.
  std::size_t retained_topics() const { return retained_topics_; }
  std::size_t retained_bytes() const { return retained_bytes_; }

 private:
  const FramePtr& at(std::uint64_t sequence) const { return frames_[sequence - first_]; }
  struct TopicEntry {
    std::deque<std::uint64_t> sequences;  // of its events, its finish included
    std::vector<std::uint64_t> finishes;  // those that are still here
    bool is_finished = false;
    std::uint64_t begun = 0;   // the entry with which it began anew
    std::uint64_t newest = 0;  // its newest event, which is in newest_; 0: there is none here
  };
  // A topic's newest event.
  struct Newest {
    FramePtr frame;
    bool is_finished = false;  // the topic ended behind it, and has had no event since: it is no part of the state
    bool is_retained() const { return frame->is_retained && !is_finished; }
  };

  bool is_new(const Publication& publication) const;
  bool has_published(const Publication& publication) const;
  void evict_oldest();
  void set_newest(TopicEntry& topic, const FramePtr& frame);
  void finish(TopicEntry& topic);
  void forget(const FramePtr& frame);
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
  std::deque<FramePtr> frames_;
  StringMap<TopicEntry> topics_;            // those with events here
  std::map<std::uint64_t, Newest> newest_;  // by sequence; those before first_ are retained
  std::uint64_t forgotten_ = 0;
  std::size_t retained_topics_ = 0;
  std::size_t retained_bytes_ = 0;
  IdIndex ids_;
};

}  // namespace millrace
