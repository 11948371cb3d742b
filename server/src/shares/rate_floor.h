// RateFloor: the lowest average speed at which a client must send or read, so that a client that moves single bytes
// cannot hold a worker or memory for ever. Only the time spent waiting for the client counts.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

/// Lowest average speed, in bytes a second, at which a client must read a response, after the server has waited for it
/// as long as the deadline of a request's body; slower clients are cut.
inline constexpr std::size_t kMinDownloadBytesPerSecond = 4 * 1024;

/// Lowest average speed, in bytes a second, of a body that a worker reads, after the body deadline has passed; a slower
/// one gets 408.
inline constexpr std::size_t kMinUploadBytesPerSecond = 4 * 1024;

struct RateFloor {
  Duration grace;  ///< no speed is required for this long
  std::size_t bytes_per_second;

  /// Returns how much longer to wait for a client that has moved these bytes in this time; 0 or less: stop waiting.
  Duration left(std::uint64_t bytes, Duration waited) const {
    assert(bytes_per_second > 0);
    return grace + Duration{static_cast<Duration::rep>(bytes * 1000 / bytes_per_second)} - waited;
  }
};

}  // namespace millrace
