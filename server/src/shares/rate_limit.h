// RateLimit: bounds the rate of each publisher, with a bucket of tokens that is refilled at the rate. Any thread; time
// is a parameter.
//
// At most kMaxWatchedPublishers have a bucket. Beyond that, the bucket that will be full soonest is removed; its
// publisher begins with a full one again.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/string_map.h"
#include "millrace/core/time.h"
#include "mutex.h"
#include "who.h"

namespace millrace {

/// Publishers whose rate is tracked. Beyond it, the one that could publish a whole burst soonest is no longer tracked.
inline constexpr std::size_t kMaxWatchedPublishers = 10'000;

class RateLimit {
 public:
  /// `per_second` on average; without a value: no bound. `burst` at once; without a value: as many as in a second.
  RateLimit(std::optional<double> per_second, std::optional<std::size_t> burst);

  /// Takes other bounds from now on. What a publisher has used up counts for as long as before.
  void change(std::optional<double> per_second, std::optional<std::size_t> burst);

  /// Spends `count` tokens of this publisher and returns zero; or spends nothing and returns how long the publisher
  /// must wait. If a whole burst is available, it allows even more than a burst: the publisher then owes the rest.
  Duration spend(const Who& publisher, std::size_t count, TimePoint now);

  /// Publishers that have a bucket.
  std::size_t watched() const;

 private:
  // A bucket is only the time at which it is full, in milliseconds of the clock; the value is its publisher.
  using Buckets = std::multimap<double, std::string>;

  Buckets::iterator bucket_of(const Who& publisher, double now) REQUIRES(mutex_);

  struct Bounds {
    static Bounds of(std::optional<double> per_second, std::optional<std::size_t> at_once);
    double per_millisecond;  // 0: no bound
    double burst;
  };

  mutable Mutex mutex_;
  Bounds bounds_ GUARDED_BY(mutex_);
  Buckets buckets_ GUARDED_BY(mutex_);  // ordered by the time at which they are full
  StringMap<Buckets::iterator> by_publisher_ GUARDED_BY(mutex_);
};

}  // namespace millrace
