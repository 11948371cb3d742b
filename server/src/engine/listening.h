// Listening: whether a server listens, and how that ends. Any thread.
//
// listen() holds a guard from its first line to its last. stop() ends a running listen() at any point, also between
// binding and accepting, and only once. The server's destructor waits until the guard is released. So the state is
// shared, and outlives the server by the time that releasing a mutex takes.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "mutex.h"

namespace millrace {

class Listening {
  struct State {
    Mutex mutex;
    Condition left;
    bool is_entered GUARDED_BY(mutex) = false;
    bool is_over GUARDED_BY(mutex) = false;             // the server is being destroyed
    bool is_stopped GUARDED_BY(mutex) = false;          // stop() has been called since enter()
    std::function<void()> shut_down GUARDED_BY(mutex);  // null until listen() can be ended, and once it has been
  };

 public:
  /// A listen() that is under way.
  class Guard {
   public:
    Guard() = default;
    explicit Guard(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Guard() {
      if (state_ == nullptr) return;
      const MutexLock lock(state_->mutex);
      state_->is_entered = false;
      state_->shut_down = nullptr;
      state_->left.notify_all();
    }
    Guard(Guard&&) = default;
    Guard& operator=(Guard&&) = delete;
    explicit operator bool() const { return state_ != nullptr; }

   private:
    std::shared_ptr<State> state_;
  };

  /// Begins a listen(); an empty guard if there is one under way.
  Guard enter() {
    const MutexLock lock(state_->mutex);
    if (state_->is_entered || state_->is_over) return {};
    state_->is_entered = true;
    state_->is_stopped = false;
    return Guard(state_);
  }

  /// From here on stop() can end it, by `shut_down`, which must not block: at once if it has been called already.
  void can_stop_by(std::function<void()> shut_down) {
    const MutexLock lock(state_->mutex);
    if (state_->is_stopped) return shut_down();
    state_->shut_down = std::move(shut_down);
  }

  /// Ends the listen() that is under way; does nothing if there is none.
  void stop() {
    const MutexLock lock(state_->mutex);
    stop_locked();
  }

  /// Has the listen() that is under way end by itself, which `begin` brings about and must not block; at once if it is
  /// not accepting yet. Does nothing if there is none.
  void stop_by(const std::function<void()>& begin) {
    const MutexLock lock(state_->mutex);
    if (state_->shut_down != nullptr) return begin();
    state_->is_stopped = true;
  }

  /// Ends it, lets no other begin, and waits until it is over.
  void end_for_good() {
    MutexLock lock(state_->mutex);
    state_->is_over = true;
    stop_locked();
    state_->left.wait(lock, [this]() REQUIRES(state_->mutex) { return !state_->is_entered; });
  }

 private:
  void stop_locked() REQUIRES(state_->mutex) {
    state_->is_stopped = true;
    if (const auto shut_down = std::exchange(state_->shut_down, nullptr); shut_down != nullptr) shut_down();
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace millrace
