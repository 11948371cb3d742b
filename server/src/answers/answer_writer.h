// AnswerWriter: the thread of an Answers service. It writes the waiting events of all answers together, in few commits,
// and watches their clocks. Any thread may call it; its ports and tasks run on its own thread.
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
  /// Entries of one commit.
  static constexpr std::size_t kEntriesAtOnce = 1'024;

  /// Entries of one or more answers, which a store commits together.
  struct Commit {
    struct Part {
      AnswerPtr answer;
      std::vector<Answer::State::Entry> entries;
    };
    std::vector<Part> parts = {};
    std::size_t entries = 0;
  };
  struct Ports {
    Duration batch;  ///< events are collected for this long
    std::function<bool(const Commit&)>
        publish;                    ///< returns false if the store accepts nothing now: the writer tries again
    std::function<void()> on_tick;  ///< called every kTick
  };
  static constexpr Duration kTick{1'000};

  explicit AnswerWriter(Ports ports);
  ~AnswerWriter() { stop(Duration{0}); }
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;

  /// Queues an answer whose take_entries() has some to write.
  void enqueue(AnswerPtr answer);
  /// Makes the answer look at its clock at this time. An answer has one clock at most.
  void wake_at(TimePoint time, AnswerPtr answer);
  /// Undoes wake_at().
  void cancel(TimePoint time, const AnswerPtr& answer);
  /// Runs the task on the thread; tasks run in order.
  void run(std::function<void()> task);
  /// Writes what is queued, for at most this time, and ends the thread. Does nothing if it has ended.
  void stop(Duration within);

 private:
  void work();
  void wait_for_work(MutexLock& lock) REQUIRES(mutex_);
  std::vector<Commit> commits_of(std::vector<AnswerPtr> answers) const;
  void write(const Commit& commit);
  bool pause(Duration pause);
  void look_at_clocks();
  static void report(const Commit& commit);

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
