// RateLimit: how fast each publisher may publish: a bucket of tokens a publisher, refilled at the rate. Any thread;
// time is a parameter.
#pragma once

#include <cstddef>
#include <mutex>
#include <string_view>

#include "../string_map.h"
#include "millrace/core/time.h"

namespace millrace {

class RateLimit {
 public:
  /// `per_second` on average, 0 for no bound; `burst` at once, 0 for a second's worth.
  RateLimit(double per_second, std::size_t burst);

  /// Takes `count` for this publisher and returns zero; or takes nothing and returns how long it has to wait. More than
  /// a burst at once is allowed where a whole burst is: the publisher then owes the rest.
  Duration take(std::string_view publisher, std::size_t count, TimePoint now);

 private:
  struct Bucket {
    double tokens;
    TimePoint filled_at;
  };
  void refill(Bucket& bucket, TimePoint now) const;
  void forget_the_idle(TimePoint now);

  const double per_millisecond_;
  const double burst_;
  std::mutex mutex_;
  StringMap<Bucket> buckets_;  // guarded by mutex_; at most kMaxWatchedPublishers
};

}  // namespace millrace
