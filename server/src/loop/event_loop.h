// EventLoop: one epoll, its timers, and the only entry for other threads.
//
// run() is the loop's thread; only it may call the other functions, except defer() and stop().
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "millrace/core/time.h"
#include "mutex.h"
#include "timer_wheel.h"

namespace millrace {

/// The machine's monotonic clock. The server's only one.
TimePoint monotonic_now();

class EventLoop {
 public:
  /// What a socket on the loop belongs to. Its address is the loop's to keep until remove().
  class Watcher : public TimerWheel::Timer {
   public:
    /// `events` are epoll's.
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  /// Throws std::system_error if the system has no epoll or eventfd to give.
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs `task` on the loop's thread, in the order of the calls. Any thread.
  void defer(std::function<void()> task);

  /// Wakes the loop, whose turn then ends with `on_turn`. Any thread; many calls wake it once.
  void wake();

  /// Gets the time that the turn's sockets and tasks have taken. Returns whether it has more to do: then the next turn
  /// does not wait for anything.
  using OnTurn = std::function<bool(std::chrono::nanoseconds)>;
  /// Runs until stop(). Calls `on_turn` at the end of every turn, when all sockets and tasks that were ready have been
  /// served.
  void run(const OnTurn& on_turn);

  /// Ends run() after the tasks deferred so far. Any thread.
  void stop();

  /// False if the system refuses, as when it is out of memory.
  [[nodiscard]] bool add(int fd, std::uint32_t events, Watcher& watcher);
  void modify(int fd, std::uint32_t events, Watcher& watcher);
  void remove(int fd);

  TimerWheel& timers() { return timers_; }

  /// The time at which this turn began.
  TimePoint now() const { return now_; }

 private:
  void run_deferred();
  int wait_milliseconds() const;

  int epoll_;
  int wakeup_;
  TimePoint now_;
  TimerWheel timers_;
  bool stopped_ = false;

  Mutex mutex_;
  std::vector<std::function<void()>> deferred_ GUARDED_BY(mutex_);
  bool awake_ GUARDED_BY(mutex_) = false;  // wakeup_ has been written
};

}  // namespace millrace
