// SignalWatch: calls functions for SIGINT, SIGTERM and SIGHUP on a thread, where they may do anything, instead of in a
// signal handler.
//
// Create it before any other thread, so that all threads inherit the blocked signals.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace millrace::cli {

/// Blocks the signals for this thread, and for threads that it creates, until it is destroyed. Signals wait until then.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

class SignalWatch {
 public:
  /// Calls `on_end` once, at the first SIGINT or SIGTERM, and until then, at each SIGHUP, `on_hangup` if it is not
  /// empty.
  explicit SignalWatch(std::function<void()> on_end, std::function<void()> on_hangup = nullptr);
  /// Restores the previous effect of the signals.
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  sigset_t signals_{};
  sigset_t before_{};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace millrace::cli
