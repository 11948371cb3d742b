// Repetition: a thread that repeats an attempt.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "joined_thread.h"
#include "millrace/core/time.h"
#include "mutex.h"
#include "thread_name.h"

namespace millrace {

class Repetition {
 public:
  /// The work checks it to end early.
  using IsStopping = std::atomic<bool>;
  enum class First : std::uint8_t { kAtOnce, kAfterPause };

  /// Without a thread.
  Repetition() = default;
  /// Calls `work` repeatedly, with a pause in between, until stop(). Ignores its exceptions, and calls it again.
  Repetition(std::function<void(const IsStopping&)> work, Duration pause, First first = First::kAtOnce)
      : state_(std::make_unique<State>()), thread_([&state = *state_, work = std::move(work), pause, first] {
          name_this_thread("millrace-store");
          if (first == First::kAfterPause) state.wait(pause);
          run(state, work, pause);
        }) {}
  ~Repetition() { stop(); }
  Repetition(Repetition&&) noexcept = default;
  Repetition& operator=(Repetition&& other) noexcept {
    stop();
    state_ = std::move(other.state_);
    thread_ = std::move(other.thread_);
    return *this;
  }

  bool is_running() const { return state_ != nullptr; }

  /// Returns when the work has returned. Does nothing without a thread.
  void stop() {
    if (state_ == nullptr) return;
    {
      const MutexLock lock(state_->mutex);
      state_->is_stopping = true;
      state_->stopping.notify_all();
    }
    thread_.join();
    state_ = nullptr;
  }

 private:
  struct State {
    Mutex mutex;
    Condition stopping;
    IsStopping is_stopping = false;

    void wait(Duration pause) {
      MutexLock lock(mutex);
      stopping.wait_for(lock, pause, [&] { return is_stopping.load(); });
    }
  };

  static void run(State& state, const std::function<void(const IsStopping&)>& work, Duration pause) {
    while (!state.is_stopping) {
      try {
        work(state.is_stopping);
      } catch (const std::exception&) {
        // The work reports its own failures; after a lack of memory, the next attempt may succeed.
      }
      state.wait(pause);
    }
  }

  std::unique_ptr<State> state_;
  JoinedThread thread_;
};

}  // namespace millrace
