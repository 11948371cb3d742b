// RetryAfter: random values for that header, so that clients that were refused together do not come back together. Any
// thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

class RetryAfter {
 public:
  explicit RetryAfter(std::uint64_t seed) : random_(seed) {}

  /// Whole seconds: `at_least` to three times that, and no less than 1 to 3. [RFC 9110 10.2.3]
  std::string draw(Duration at_least = kRetryAfter) {
    const std::lock_guard lock(mutex_);
    const Duration::rep seconds = at_least.count() <= 1000 ? 1 : (at_least.count() + 999) / 1000;
    return std::to_string(std::uniform_int_distribution<Duration::rep>(seconds, 3 * seconds)(random_));
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;  // guarded by mutex_
};

}  // namespace millrace
