// The native client's clock: the one place in it that reads the time.
#pragma once

#include <chrono>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

/// The present on the machine's monotonic clock.
inline TimePoint now() {
  return TimePoint(std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// The present on the world's clock, in seconds since 1970 UTC.
inline std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace millrace
