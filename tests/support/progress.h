// Waiting for another process on a machine that may be slow: as long as the process does something, it is waited for.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <ctime>

#include "eventually.h"

namespace millrace::test {

/// The processor time that a process has used, by all its threads; 0 if there is no such process.
inline std::chrono::nanoseconds processor_time(pid_t process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

/// Waits until the process has written to the pipe `fd`, or has closed it, as its end does. However long it takes while
/// the process uses processor time; false if it has used none for kDeadline.
inline bool wait_while_working(int fd, pid_t process) {
  auto used = processor_time(process);
  auto moved = std::chrono::steady_clock::now();
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&readable, 1, 1'000) <= 0) {
    const auto now = std::chrono::steady_clock::now();
    if (const auto more = processor_time(process); more != used) {
      used = more;
      moved = now;
    }
    if (now - moved > kDeadline) return false;
  }
  return true;
}

}  // namespace millrace::test
