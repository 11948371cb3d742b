// Interrupt: ends every wait of one thread, from any other thread or a signal handler, for good.
//
// All waiting in the native client (for a retry, a connection, bytes) goes through wait(), which is why close() is
// prompt in each of these states.
#pragma once

#include <atomic>
#include <optional>

#include "millrace/core/time.h"

namespace millrace {

class Interrupt {
 public:
  enum class Wake { kReady, kTimeout, kInterrupted };

  /// Throws std::system_error if the process is out of file descriptors.
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  /// Async-signal-safe.
  void raise() noexcept;
  bool raised() const { return raised_.load(std::memory_order_acquire); }

  /// Until one of poll(2)'s `events` (or an error) is there on `fd`, `deadline` has come, or raise() was called. An
  /// `fd` of -1 only sleeps; no deadline is none.
  Wake wait(int fd, short events, std::optional<TimePoint> deadline) const;

 private:
  std::atomic<bool> raised_{false};
  int wake_fd_;
};

}  // namespace millrace
