// Repetition: a thread that repeats an attempt.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "joined_thread.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class Repetition {
 public:
  /// What the work looks at to end early.
  using IsStopping = std::atomic<bool>;

  /// None.
  Repetition() = default;
  /// Calls `work` again and again, with a pause in between, until it is stopped. What it throws is left at that: it is
  /// tried again.
  Repetition(std::function<void(const IsStopping&)> work, Duration pause);
  ~Repetition() { stop(); }
  Repetition(Repetition&&) noexcept = default;
  Repetition& operator=(Repetition&& other) noexcept;

  bool is_running() const { return state_ != nullptr; }
  /// Returns when the work has. Does nothing if there is none.
  void stop();

 private:
  struct State {
    Mutex mutex;
    Condition stopping;
    IsStopping is_stopping = false;
  };
  static void run(State& state, const std::function<void(const IsStopping&)>& work, Duration pause);

  std::unique_ptr<State> state_;
  JoinedThread thread_;
};

}  // namespace millrace
