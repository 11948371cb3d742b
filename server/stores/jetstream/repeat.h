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
  /// The work checks it to end early.
  using IsStopping = std::atomic<bool>;

  /// Without a thread.
  Repetition() = default;
  /// Calls `work` repeatedly, with a pause in between, until stop(). Ignores its exceptions, and calls it again.
  Repetition(std::function<void(const IsStopping&)> work, Duration pause);
  ~Repetition() { stop(); }
  Repetition(Repetition&&) noexcept = default;
  Repetition& operator=(Repetition&& other) noexcept;

  bool is_running() const { return state_ != nullptr; }
  /// Returns when the work has returned. Does nothing without a thread.
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
