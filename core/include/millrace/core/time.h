// The core's notion of time: a parameter, never a clock.
//
// The owner of a clock (an event loop, a native program, JavaScript) passes `now`. Nothing in the core can read a
// clock, so that every behaviour can be replayed and simulated.
#pragma once

#include <chrono>

namespace millrace {

/// A span of time in whole milliseconds.
using Duration = std::chrono::milliseconds;

/// The core's time line. It has no `now()` on purpose; the caller chooses its origin.
struct Timeline {
  using rep = Duration::rep;                                       ///< a whole number
  using period = Duration::period;                                 ///< of milliseconds
  using duration = Duration;                                       ///< as a clock names it
  using time_point = std::chrono::time_point<Timeline, Duration>;  ///< as a clock names it
  static constexpr bool is_steady = true;                          ///< it never runs back
};

/// A point on the caller's monotonic time line, in milliseconds.
using TimePoint = Timeline::time_point;

}  // namespace millrace
