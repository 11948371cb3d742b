// RateFloor: the least that a client has to send or take on average, so that one which moves a byte now and then cannot
// hold a worker, or memory, for ever. Only the time that is spent waiting for it counts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "millrace/core/time.h"

namespace millrace {

struct RateFloor {
  Duration grace;  ///< it may be waited for this long whatever it does
  std::size_t bytes_per_second;

  /// How long it may still be waited for, given the bytes it has moved and the time it has taken. Not more than 0: no
  /// longer.
  Duration left(std::uint64_t bytes, Duration waited) const {
    return grace + Duration{static_cast<Duration::rep>(bytes * 1000 / bytes_per_second)} - waited;
  }
};

}  // namespace millrace
