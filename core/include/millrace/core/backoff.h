// Backoff: how long to wait before the next attempt to connect.
//
// The wait is never shorter than the reconnection time (the server's `retry`). A random part is added from a window
// that doubles with every failed attempt, up to a cap, so that clients that lost the same server do not return
// together. The caller passes the random seed: the same seed gives the same waits.
#pragma once

#include <cstdint>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

/// The waits between the attempts of one client to connect. One thread at a time.
class Backoff {
 public:
  /// What the waits are drawn from.
  struct Policy {
    Duration reconnection_time = kDefaultReconnectionTime;  ///< until the server sends a `retry`
    Duration max = kMaxBackoff;                             ///< cap on the window; at most kMaxReconnectionTime
    std::uint32_t jitter_percent = 25;  ///< added to the window, in percent of the reconnection time
  };

  /// Accepts any policy: durations are cut to 0 to kMaxReconnectionTime. Equal seeds give equal waits.
  Backoff(const Policy& policy, std::uint64_t seed);

  /// Sets the server's `retry`; a longer one than kMaxReconnectionTime counts as that.
  void set_reconnection_time(Duration reconnection_time);
  /// The reconnection time in force: the policy's until set_reconnection_time().
  Duration reconnection_time() const { return reconnection_time_; }

  /// Returns the wait before the next attempt. Each call widens the window of the next one.
  Duration next();

  /// Call it when the connection is stable: the next wait starts from the reconnection time.
  void reset() { failures_ = 0; }

  /// Call it when the connection has brought an event: like reset(), unless the reconnection time is shorter than
  /// kMinPause. Then the waits do not grow, and the next one is drawn from the window of a first failure.
  void progress();

  /// Number of waits since the last reset.
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
