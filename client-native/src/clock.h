// The native client's clock: the only place in it that reads the time.
#pragma once

#include <chrono>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

/// The current time of the machine's monotonic clock.
inline TimePoint now() {
  return TimePoint(std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

/// The current time of day, in seconds since 1970 UTC.
inline std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace millrace
