#include "rate_limit.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "millrace/core/limits.h"

namespace millrace {

RateLimit::RateLimit(double per_second, std::size_t burst)
    : per_millisecond_(per_second / 1000),
      burst_(burst > 0 ? static_cast<double>(burst) : std::max(1.0, std::ceil(per_second))) {}

Duration RateLimit::take(std::string_view publisher, std::size_t count, TimePoint now) {
  if (per_millisecond_ <= 0) return Duration{0};
  const std::lock_guard lock(mutex_);
  auto bucket = buckets_.find(publisher);
  if (bucket == buckets_.end()) {
    if (buckets_.size() >= kMaxWatchedPublishers) forget_the_idle(now);
    if (buckets_.size() >= kMaxWatchedPublishers) return kRetryAfter;
    bucket = buckets_.emplace(std::string(publisher), Bucket{.tokens = burst_, .filled_at = now}).first;
  }
  refill(bucket->second, now);
  double& tokens = bucket->second.tokens;
  const double needed = std::min(static_cast<double>(count), burst_);
  if (tokens < needed) return Duration{static_cast<Duration::rep>(std::ceil((needed - tokens) / per_millisecond_))};
  tokens -= static_cast<double>(count);
  return Duration{0};
}

void RateLimit::refill(Bucket& bucket, TimePoint now) const {
  const auto passed = static_cast<double>((now - bucket.filled_at).count());
  bucket.tokens = std::min(burst_, bucket.tokens + passed * per_millisecond_);
  bucket.filled_at = now;
}

// A full bucket says no more than none.
void RateLimit::forget_the_idle(TimePoint now) {
  for (auto entry = buckets_.begin(); entry != buckets_.end();) {
    refill(entry->second, now);
    entry = entry->second.tokens >= burst_ ? buckets_.erase(entry) : std::next(entry);
  }
}

}  // namespace millrace
