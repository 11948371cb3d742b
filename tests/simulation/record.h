// Record: everything that was published in one simulated life. It says whether the server has broken a promise; view.h
// says it of listeners.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/frame.h"
#include "lone_hub.h"
#include "millrace/core/topic.h"
#include "millrace/server/topic_filter.h"
#include "schedule.h"
#include "simulated_store.h"

namespace millrace::simulation {

/// What an event with this number says: large or small, one line or many, ASCII or not; never the same twice.
std::string data_of(std::uint64_t number, std::size_t size);

struct Entry {
  enum class Kind : std::uint8_t { kEvent, kFinish, kBegin };
  Kind kind = Kind::kEvent;
  std::size_t life = 0;        ///< of the log: which of them this is of
  std::uint64_t sequence = 0;  ///< in it
  std::vector<std::string> topics = {};
  std::string type;  ///< as dispatched
  std::string id;    ///< as dispatched
  std::size_t size = 0;
  bool is_retained = false;
};

/// Every entry of every log there was, in one order. An entry's place in it is its number.
class Record final : public Feed::Sink {
 public:
  /// A log's life begins; the one before is lost. `disk`: of the store that keeps it; may be null.
  void begin_life(const std::string& epoch, test::LoneHub& hub, const SimulatedDisk* disk = nullptr);
  /// Another process has the same log, from its disk. Whatever was delivered must be there; and of what was not, at
  /// most the entry that is expected: its publisher has not heard of it.
  void resume_life(test::LoneHub& hub);

  /// The next frame posted is an event of this type and ID, with data_of(number, size).
  void expect(std::string type, std::string id, std::size_t size, bool is_retained);
  void expect_mark(Entry::Kind kind);
  /// No frame may be posted: nothing was published, or it was refused.
  void expect_nothing() { expected_.reset(); }
  /// Throws Broken if a frame was posted that may not be. post() cannot throw: the program would end.
  void check() const;
  void post(const FramePtr& frame) override;
  void post_page(std::uint64_t, const Feed::PagePtr&) override {}  // there is no store

  const std::vector<Entry>& entries() const { return entries_; }
  std::uint64_t next_number() const { return entries_.size(); }

  /// The number behind the entry that this ID stands for; nothing if it stands for none.
  std::optional<std::uint64_t> place_of(std::string_view id) const;
  /// The number behind the entry with this sequence in the log there is.
  std::uint64_t place_of(std::uint64_t sequence) const;
  /// Numbers below this one are no longer in a log.
  std::uint64_t oldest() const { return disk_ != nullptr ? place_of(disk_->oldest()) - 1 : oldest_in_memory(); }
  /// A question about a topic.
  using OfTopic = std::function<bool(const std::string& topic)>;
  static bool any_topic(const std::string&) { return true; }
  /// Whether the event with this number is still in the log, or retained for a topic that `counts`.
  bool is_held(std::uint64_t number, const OfTopic& counts = any_topic) const;
  /// Whether the topic has an event newer than this one in the log there is, or its log is gone.
  bool has_newer(std::uint64_t number, const std::string& topic) const;
  /// Whether the topic has been finished behind this entry, with an entry before `until`.
  bool is_finished_after(std::uint64_t number, const std::string& topic, std::uint64_t until = UINT64_MAX) const;
  /// The number of each topic's newest event in the log there is.
  const std::map<std::string, std::uint64_t, std::less<>>& newest() const { return newest_; }
  /// Numbers of the newest events of the filter's topics that the log has, in order; without those of finished topics
  /// if `is_state`.
  std::vector<std::uint64_t> newest_of(const TopicFilter& filter, bool is_state) const;
  /// Topics with a retained event.
  std::size_t retained_topics() const;
  /// The event with this ID, if it is a publisher's.
  std::optional<std::uint64_t> of_publisher(std::string_view id) const;
  /// Whether an ID can still be honoured, for a listener of these topics.
  bool is_known(std::string_view id, const OfTopic& is_asked) const;

  /// Frames that have left the log and are still held by somebody.
  std::size_t frames_held();

 private:
  std::uint64_t oldest_in_memory() const { return life_begin_.back() + hub_->statistics().evictions; }
  void add(std::uint64_t sequence, std::vector<std::string> topics);
  void compare(const Entry& entry, const LogEntry& stored) const;

  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> lives_;  // by epoch
  std::vector<std::uint64_t> life_begin_;                  // number of each life's first entry
  std::map<std::string, std::uint64_t, std::less<>> publisher_ids_;
  // Of each topic in the log there is: its newest event, and its newest finish.
  std::map<std::string, std::uint64_t, std::less<>> newest_;
  std::map<std::string, std::uint64_t, std::less<>> finished_;
  test::LoneHub* hub_ = nullptr;
  const SimulatedDisk* disk_ = nullptr;
  std::optional<Entry> expected_;
  std::string violation_;
  // Of the frames: those in the log, from held_from_ on, and those that were held when they left it.
  std::vector<std::weak_ptr<const Frame>> frames_;
  std::uint64_t checked_ = 0;
  std::vector<std::weak_ptr<const Frame>> held_;
};

}  // namespace millrace::simulation
