// SignalWatch: SIGINT and SIGTERM as a call on a thread, where anything may be done, instead of in a signal handler.
//
// To be made before any other thread, which then inherits that the two are blocked.
#pragma once

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace millrace::cli {

class SignalWatch {
 public:
  /// Calls `on_signal` once, at the first of the two.
  explicit SignalWatch(std::function<void()> on_signal);
  /// From then on the two do what they did before.
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
