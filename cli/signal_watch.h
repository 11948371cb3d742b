// SignalWatch: SIGINT, SIGTERM and SIGHUP as calls on a thread, where anything may be done, instead of in a signal
// handler.
//
// To be made before any other thread, which then inherits that they are blocked.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace millrace::cli {

/// Blocks the signals for this thread, and those that it makes, until it goes. What comes meanwhile waits.
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
  /// Calls `on_end` once, at the first SIGINT or SIGTERM, and until then `on_hangup`, if it is not empty,
  /// at each SIGHUP.
  explicit SignalWatch(std::function<void()> on_end, std::function<void()> on_hangup = nullptr);
  /// From then on the signals do what they did before.
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
