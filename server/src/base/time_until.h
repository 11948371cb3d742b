// Converts a time of day into the loops' own time.
#pragma once

#include <algorithm>
#include <chrono>

#include "millrace/core/time.h"

namespace millrace {

/// Returns at least a millisecond, since zero would mean for ever.
inline Duration time_until(std::chrono::system_clock::time_point time) {
  const auto left = std::chrono::duration_cast<Duration>(time - std::chrono::system_clock::now());
  return std::max(left, Duration{1});
}

}  // namespace millrace
