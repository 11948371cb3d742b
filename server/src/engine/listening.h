// Listening: whether a server listens, and how that ends. Any thread.
//
// listen() holds a guard from its first line to its last. stop() ends a running listen() at any point, also between
// binding and accepting, and only once. The server's destructor waits until the guard is released. So the state is
// shared, and outlives the server by the time that releasing a mutex takes.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace millrace {

class Listening {
  struct State {
    std::mutex mutex;
    std::condition_variable left;
    // All guarded by mutex.
    bool is_entered = false;
    bool is_over = false;             // the server is being destroyed
    bool is_stopped = false;          // stop() has been called since enter()
    std::function<void()> shut_down;  // null until listen() can be ended, and once it has been
  };

 public:
  /// A listen() that is under way.
  class Guard {
   public:
    Guard() = default;
    explicit Guard(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Guard() {
      if (state_ == nullptr) return;
      const std::lock_guard lock(state_->mutex);
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
    const std::lock_guard lock(state_->mutex);
    if (state_->is_entered || state_->is_over) return {};
    state_->is_entered = true;
    state_->is_stopped = false;
    return Guard(state_);
  }

  /// From here on stop() can end it, by `shut_down`, which must not block: at once if it has been called already.
  void can_stop_by(std::function<void()> shut_down) {
    const std::lock_guard lock(state_->mutex);
    if (state_->is_stopped) return shut_down();
    state_->shut_down = std::move(shut_down);
  }

  /// Ends the listen() that is under way; does nothing if there is none.
  void stop() {
    const std::lock_guard lock(state_->mutex);
    stop_locked();
  }

  /// Ends it, lets no other begin, and waits until it is over.
  void end_for_good() {
    std::unique_lock lock(state_->mutex);
    state_->is_over = true;
    stop_locked();
    state_->left.wait(lock, [this] { return !state_->is_entered; });
  }

 private:
  void stop_locked() {
    state_->is_stopped = true;
    if (const auto shut_down = std::exchange(state_->shut_down, nullptr); shut_down != nullptr) shut_down();
  }

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace millrace
