// A time as poll() and epoll_wait() take it.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace millrace {

/// Returns 0 for a negative time, because the calls wait without end for a negative number, and the largest number for
/// a time that an int does not hold.
constexpr int poll_milliseconds(std::chrono::milliseconds time) {
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(time.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace millrace
