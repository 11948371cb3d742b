#include "rate_limit.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

namespace millrace {

RateLimit::RateLimit(std::optional<double> per_second, std::optional<std::size_t> burst)
    : per_millisecond_(per_second.value_or(0) / 1000),
      burst_(burst ? static_cast<double>(*burst) : std::max(1.0, std::ceil(per_second.value_or(0)))) {}

Duration RateLimit::take(const Who& publisher, std::size_t count, TimePoint time) {
  if (per_millisecond_ <= 0) return Duration{0};
  const auto now = static_cast<double>(time.time_since_epoch().count());
  const MutexLock lock(mutex_);
  const auto bucket = bucket_of(publisher, now);
  const double missing = std::max(0.0, bucket->first - now) * per_millisecond_;
  const double needed = std::min(static_cast<double>(count), burst_);
  const double lacking = missing + needed - burst_;
  // Less than a millionth of an event is a rounding error.
  if (lacking > 1e-6)
    return Duration{std::max<Duration::rep>(1, std::llround(std::ceil(lacking / per_millisecond_ - 1e-6)))};
  auto moved = buckets_.extract(bucket);
  moved.key() = std::max(now, moved.key()) + static_cast<double>(count) / per_millisecond_;
  by_publisher_.find(publisher.key())->second = buckets_.insert(std::move(moved));
  return Duration{0};
}

std::size_t RateLimit::watched() const {
  const MutexLock lock(mutex_);
  return buckets_.size();
}

RateLimit::Buckets::iterator RateLimit::bucket_of(const Who& publisher, double now) {
  const auto known = by_publisher_.find(publisher.key());
  if (known != by_publisher_.end()) return known->second;
  if (buckets_.size() >= kMaxWatchedPublishers) {
    by_publisher_.erase(by_publisher_.find(buckets_.begin()->second));
    buckets_.erase(buckets_.begin());
  }
  const auto added = buckets_.emplace(now, std::string(publisher.key()));
  by_publisher_.emplace(added->second, added);
  assert(by_publisher_.size() == buckets_.size() && buckets_.size() <= kMaxWatchedPublishers);
  return added;
}

}  // namespace millrace
