// The native client's clock: the one place in it that reads the time.
#pragma once

#include <chrono>

#include "millrace/core/time.h"

namespace millrace {

/// The present on the machine's monotonic clock.
inline TimePoint now() {
  return TimePoint(std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

}  // namespace millrace
