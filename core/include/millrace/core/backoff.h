// Backoff: how long to wait before the next attempt to connect.
//
// The reconnection time (the server's `retry`) is the floor and is never undercut. Above it the wait is drawn uniformly
// from a window that doubles with every attempt that failed, up to a cap, so that clients which lost the same server do
// not come back together. Randomness is the caller's seed: the same seed waits the same.
#pragma once

#include <cstdint>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

class Backoff {
 public:
  struct Policy {
    Duration reconnection_time = kDefaultReconnectionTime;  ///< until the server says otherwise
    Duration max = kMaxBackoff;                             ///< cap on the window, itself cut to kMaxReconnectionTime
    std::uint32_t jitter_percent = 25;                      ///< added width of the window, of the reconnection time
  };

  Backoff(const Policy& policy, std::uint64_t seed);

  /// The server's `retry`, cut to kMaxReconnectionTime.
  void set_reconnection_time(Duration reconnection_time);
  Duration reconnection_time() const { return reconnection_time_; }

  /// The wait before the next attempt. Each call widens the window of the one after it.
  Duration next();

  /// The connection proved good: the next wait starts from the reconnection time.
  void reset() { failures_ = 0; }

  /// The connection brought something before it ended: the same, unless the reconnection time is shorter than
  /// kMinPause. Then the waits do not grow, but the next one is drawn from the window of a first failure.
  void progress();

  /// Waits asked for since the last reset.
  std::uint32_t failures() const { return failures_; }

 private:
  std::uint64_t random();

  Duration reconnection_time_;
  Duration max_;
  std::uint32_t jitter_percent_;
  std::uint32_t failures_ = 0;
  std::uint64_t random_state_;
};

}  // namespace millrace
