// MetricSources: figures of services that are built upon a server, among the server's own. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/server/metrics_format.h"
#include "mutex.h"

namespace millrace {

class MetricSources {
 public:
  using Source = std::function<std::vector<Metric>()>;

  /// `source` is asked until the returned object is destroyed, which waits for a call that is running.
  [[nodiscard]] std::shared_ptr<void> add(Source source) {
    const MutexLock lock(mutex_);
    const std::uint64_t number = ++last_;
    sources_.emplace(number, std::move(source));
    return {nullptr, [this, number](void*) {
              const MutexLock remove_lock(mutex_);
              sources_.erase(number);
            }};
  }

  /// Appends what all of them have. Samples of one name become one metric.
  void append_to(std::vector<Metric>& metrics) const {
    const MutexLock lock(mutex_);
    for (const auto& [number, source] : sources_) {
      for (Metric& metric : source()) append(std::move(metric), metrics);
    }
  }

 private:
  static void append(Metric metric, std::vector<Metric>& metrics) {
    const auto known = std::find_if(metrics.begin(), metrics.end(), [&](auto& one) { return one.name == metric.name; });
    if (known == metrics.end()) return metrics.push_back(std::move(metric));
    known->samples.insert(known->samples.end(), metric.samples.begin(), metric.samples.end());
    for (std::size_t i = 0; i < known->buckets.size() && i < metric.buckets.size(); ++i) {
      known->buckets[i].cumulative_count += metric.buckets[i].cumulative_count;
    }
    known->count += metric.count;
    known->sum += metric.sum;
  }

  mutable Mutex mutex_;
  std::map<std::uint64_t, Source> sources_ GUARDED_BY(mutex_);
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
