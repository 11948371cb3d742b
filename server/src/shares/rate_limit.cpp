#include "rate_limit.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

namespace millrace {

RateLimit::Bounds RateLimit::Bounds::of(std::optional<double> per_second, std::optional<std::size_t> at_once) {
  return {.per_millisecond = per_second.value_or(0) / 1000,
          .burst = at_once ? static_cast<double>(*at_once) : std::max(1.0, std::ceil(per_second.value_or(0)))};
}

RateLimit::RateLimit(std::optional<double> per_second, std::optional<std::size_t> burst)
    : bounds_(Bounds::of(per_second, burst)) {}

void RateLimit::change(std::optional<double> per_second, std::optional<std::size_t> burst) {
  const MutexLock lock(mutex_);
  bounds_ = Bounds::of(per_second, burst);
}

Duration RateLimit::spend(const Who& publisher, std::size_t count, TimePoint time) {
  const auto now = static_cast<double>(time.time_since_epoch().count());
  const MutexLock lock(mutex_);
  const auto [per_millisecond, burst] = bounds_;
  if (per_millisecond <= 0) return Duration{0};
  const auto bucket = bucket_of(publisher, now);
  const double missing = std::max(0.0, bucket->first - now) * per_millisecond;
  const double needed = std::min(static_cast<double>(count), burst);
  const double lacking = missing + needed - burst;
  // Less than a millionth of an event is a rounding error.
  if (lacking > 1e-6)
    return Duration{std::max<Duration::rep>(1, std::llround(std::ceil(lacking / per_millisecond - 1e-6)))};
  auto moved = buckets_.extract(bucket);
  moved.key() = std::max(now, moved.key()) + static_cast<double>(count) / per_millisecond;
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
