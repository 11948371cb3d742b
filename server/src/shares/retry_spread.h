// RetrySpread: random values for Retry-After, so that clients that were refused together do not retry together. Any
// thread.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

/// Default shortest wait in a Retry-After; draw() adds a random time of up to twice that.
inline constexpr Duration kRetryAfter{2'000};

class RetrySpread {
 public:
  explicit RetrySpread(std::uint64_t seed) : random_(seed) {}

  /// Whole seconds, from `at_least` to three times that, at least from 1 to 3. [RFC 9110 10.2.3]
  std::string draw(Duration at_least = kRetryAfter) {
    const MutexLock lock(mutex_);
    const Duration::rep seconds = at_least.count() <= 1000 ? 1 : (at_least.count() + 999) / 1000;
    return std::to_string(std::uniform_int_distribution<Duration::rep>(seconds, 3 * seconds)(random_));
  }

 private:
  Mutex mutex_;
  std::mt19937_64 random_ GUARDED_BY(mutex_);
};

}  // namespace millrace
