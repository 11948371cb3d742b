// Listening: whether a server listens, and how listen() is ended. Any thread.
//
// listen() holds a session from its first line to its last. stop() ends a running listen() at any point, also between
// binding and accepting, and only once. The server's destructor waits until the session is released. The state is
// shared, because it must outlive the server until the mutex is released.
#pragma once

#include <cassert>
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
    std::function<void()> shut_down GUARDED_BY(mutex);  // null while listen() cannot be ended, and after it was ended
  };

 public:
  /// A running listen().
  class Session {
   public:
    Session() = default;
    explicit Session(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Session() {
      if (state_ == nullptr) return;
      const MutexLock lock(state_->mutex);
      assert(state_->is_entered);
      state_->is_entered = false;
      state_->shut_down = nullptr;
      state_->left.notify_all();
    }
    Session(Session&&) = default;
    Session& operator=(Session&&) = delete;
    explicit operator bool() const { return state_ != nullptr; }

   private:
    std::shared_ptr<State> state_;
  };

  /// Begins a listen(); returns an empty session if one is running.
  Session enter() {
    const MutexLock lock(state_->mutex);
    if (state_->is_entered || state_->is_over) return {};
    state_->is_entered = true;
    state_->is_stopped = false;
    return Session(state_);
  }

  /// Makes stop() call `shut_down`, which must not block; calls it at once if stop() was called already.
  void can_stop_by(std::function<void()> shut_down) {
    const MutexLock lock(state_->mutex);
    assert(state_->is_entered && state_->shut_down == nullptr);
    if (state_->is_stopped) return shut_down();
    state_->shut_down = std::move(shut_down);
  }

  /// Ends a running listen(); otherwise does nothing.
  void stop() {
    const MutexLock lock(state_->mutex);
    stop_locked();
  }

  /// Makes a running listen() end by itself by calling `begin`, which must not block; ends it at once if it does not
  /// accept yet. Does nothing without a running listen().
  void stop_by(const std::function<void()>& begin) {
    const MutexLock lock(state_->mutex);
    if (state_->shut_down != nullptr) return begin();
    state_->is_stopped = true;
  }

  /// Ends a running listen(), prevents others, and waits until it is over.
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
