// What the program tells systemd, or another service manager with its protocol (sd_notify(3)), and how it proves that
// it is alive.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>

#include "mutex.h"

namespace millrace::cli {

/// The listening socket that the service manager has passed (sd_listen_fds(3)); nothing without one. Throws UsageError
/// if it has passed several. Call it once: the variables are removed from the environment.
std::optional<int> passed_socket();

/// Sends `state`, such as `READY=1`, to the socket in $NOTIFY_SOCKET; does nothing without it. Any thread; does not
/// wait.
void notify_service_manager(std::string_view state);

/// How often the service manager expects a sign of life from this process ($WATCHDOG_USEC); nothing if it does not.
std::optional<std::chrono::microseconds> watchdog_interval();

/// A thread that calls `check` twice in each interval of the watchdog, and sends the sign of life if it returns true:
/// otherwise, or if it does not return, the service manager restarts the program. Without an interval there is no
/// thread.
class Watchdog {
 public:
  explicit Watchdog(std::function<bool()> check);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run(std::chrono::microseconds pause);

  const std::function<bool()> check_;
  Mutex mutex_;
  Condition ending_;
  bool is_ending_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace::cli
