// RateFloor: the lowest average speed at which a client must send or read, so that a client which moves single bytes
// cannot hold a worker or memory for ever. Only the time spent waiting for the client counts.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

/// Average speed in bytes a second at which a client must read a response, once a worker or the event loop has waited
/// for the time of a request's body; otherwise its connection is cut.
inline constexpr std::size_t kMinDownloadBytesPerSecond = 4 * 1024;

/// Average speed in bytes a second at which a body that a worker reads must come in, once the body deadline has passed;
/// if it is slower, the answer is 408.
inline constexpr std::size_t kMinUploadBytesPerSecond = 4 * 1024;

struct RateFloor {
  Duration grace;  ///< no speed is required for this long
  std::size_t bytes_per_second;

  /// Returns how long to wait for a client that has moved these bytes in this time. If it is 0 or less: do not wait any
  /// longer.
  Duration left(std::uint64_t bytes, Duration waited) const {
    assert(bytes_per_second > 0);
    return grace + Duration{static_cast<Duration::rep>(bytes * 1000 / bytes_per_second)} - waited;
  }
};

}  // namespace millrace
