// The core's notion of time: a parameter, never a clock.
//
// Whoever owns a clock (an event loop, a native program, JavaScript) passes `now` in. Nothing here can read one,
// which is what lets every behaviour be replayed and simulated.
#pragma once

#include <chrono>

namespace millrace {

/// A span of time in whole milliseconds.
using Duration = std::chrono::milliseconds;

/// The time line the core counts on. It has no `now()` on purpose; its origin is the caller's choice.
struct Timeline {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<Timeline, Duration>;
  static constexpr bool is_steady = true;
};

/// A point on the caller's monotonic time line, in milliseconds.
using TimePoint = Timeline::time_point;

}  // namespace millrace
