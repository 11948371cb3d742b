// RateLimit: how fast each publisher may publish: a bucket of tokens for each publisher, refilled at the rate. Any
// thread; time is a parameter.
//
// At most kMaxWatchedPublishers have a bucket. Beyond them, the bucket that will be full soonest is forgotten; its
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

class RateLimit {
 public:
  /// `per_second` on average, without a value for no bound; `burst` at once, without a value for a second's worth.
  RateLimit(std::optional<double> per_second, std::optional<std::size_t> burst);

  /// Takes `count` for this publisher and returns zero; or takes nothing and returns how long it has to wait. More than
  /// a burst at once is allowed where a whole burst is: the publisher then owes the rest.
  Duration take(const Who& publisher, std::size_t count, TimePoint now);

  /// Publishers that have a bucket.
  std::size_t watched() const;

 private:
  // All that there is to a bucket is when it is full, in milliseconds of the clock. The key is a publisher's.
  using Buckets = std::multimap<double, std::string>;

  Buckets::iterator bucket_of(const Who& publisher, double now) REQUIRES(mutex_);

  const double per_millisecond_;  // 0: no bound
  const double burst_;
  mutable Mutex mutex_;
  Buckets buckets_ GUARDED_BY(mutex_);  // those first that are full first
  StringMap<Buckets::iterator> by_publisher_ GUARDED_BY(mutex_);
};

}  // namespace millrace
