// EventLoop: one poller, its timers, and tasks from other threads.
//
// run() is the loop's thread; only it may call the other functions, except defer() and stop().
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "millrace/core/time.h"
#include "mutex.h"
#include "poller.h"
#include "timer_wheel.h"

namespace millrace {

/// The machine's monotonic clock, the only clock of the server.
TimePoint monotonic_now();

class EventLoop {
 public:
  /// Handles the events of a socket. The loop keeps the watcher's address until remove().
  class Watcher : public TimerWheel::Timer {
   public:
    virtual void on_ready(std::uint32_t ready) = 0;

   protected:
    ~Watcher() = default;
  };

  /// Throws std::system_error if the system lacks descriptors or memory.
  EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs `task` on the loop's thread, in the order of the calls. Any thread.
  void defer(std::function<void()> task);

  /// Wakes the loop, so that it calls `on_turn`. Any thread; several calls wake it once.
  void wake();

  /// Gets the time that the turn's sockets and tasks have taken. Returns true if it has more to do: then the next turn
  /// does not wait.
  using OnTurn = std::function<bool(std::chrono::nanoseconds)>;
  /// Runs until stop(). Calls `on_turn` at the end of every turn, after all ready sockets and tasks.
  void run(const OnTurn& on_turn);

  /// Ends run() after the tasks deferred so far. Any thread.
  void stop();

  /// See Poller.
  [[nodiscard]] bool add(int socket, std::uint32_t watched, Watcher& watcher);
  void modify(int socket, std::uint32_t watched, Watcher& watcher);
  void remove(int socket);

  TimerWheel& timers() { return timers_; }

  /// The time at which this turn began.
  TimePoint now() const { return now_; }

 private:
  void run_deferred();
  int wait_milliseconds() const;

  Poller poller_;
  TimePoint now_ = monotonic_now();
  TimerWheel timers_{now_};
  bool stopped_ = false;

  Mutex mutex_;
  std::vector<std::function<void()>> deferred_ GUARDED_BY(mutex_);
  bool awake_ GUARDED_BY(mutex_) = false;  // the poller has been woken
};

}  // namespace millrace
