// AnswerWriter: the thread of an Answers service. It writes what answers have collected, those of all answers together
// in few commits, and looks at their clocks. Any thread may call it; what it calls runs on its own.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "answer_state.h"
#include "joined_thread.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class AnswerWriter {
 public:
  /// Entries that are published at once: a store commits them together.
  static constexpr std::size_t kEntriesAtOnce = 1'024;

  /// A group of entries of one or more answers, for the log.
  struct Group {
    struct Part {
      AnswerPtr answer;
      std::vector<Answer::State::Entry> entries;
    };
    std::vector<Part> parts = {};
    std::size_t entries = 0;
  };
  struct Ports {
    Duration batch;                             ///< events are collected for this long
    std::function<bool(const Group&)> publish;  ///< false: the store takes nothing now, try again
    std::function<void()> on_tick;              ///< called every kTick, whatever else there is
  };
  static constexpr Duration kTick{1'000};

  explicit AnswerWriter(Ports ports);
  ~AnswerWriter() { stop(Duration{0}); }
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  /// The answer has entries to take().
  void enqueue(AnswerPtr answer);
  /// Has the answer look at its clock then. An answer has one clock at most.
  void wake_at(TimePoint time, AnswerPtr answer);
  /// Takes that back.
  void cancel(TimePoint time, const AnswerPtr& answer);
  /// Runs it on the thread, soon; in order.
  void run(std::function<void()> task);
  /// Writes what it has, for at most so long, and ends. Does nothing if it has ended.
  void stop(Duration within);

 private:
  void work();
  void wait_for_work(MutexLock& lock) REQUIRES(mutex_);
  std::vector<Group> groups_of(std::vector<AnswerPtr> answers) const;
  void write(const Group& group);
  bool pause(Duration pause);
  void look_at_clocks();
  static void report(const Group& group);

  const Ports ports_;
  Mutex mutex_;
  Condition changed_;
  std::vector<AnswerPtr> queue_ GUARDED_BY(mutex_);
  TimePoint queued_since_ GUARDED_BY(mutex_){};
  std::vector<std::function<void()>> tasks_ GUARDED_BY(mutex_);
  std::set<std::pair<TimePoint, AnswerPtr>> clocks_ GUARDED_BY(mutex_);
  TimePoint next_tick_ GUARDED_BY(mutex_);
  std::optional<TimePoint> stops_at_ GUARDED_BY(mutex_);
  JoinedThread thread_;  // uses all of the above
};

}  // namespace millrace
