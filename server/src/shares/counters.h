// The server's counters. Each event loop has its own, so that counting costs a load and a store; the metrics add up
// those of all loops.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "millrace/core/time.h"
#include "mutex.h"
#include "refusal_reason.h"

namespace millrace {

/// One thread adds, any thread reads.
class Counter {
 public:
  void add(std::uint64_t count) { value_.store(value() + count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// Durations, in buckets. One thread adds, any thread reads.
class LatencyHistogram {
 public:
  static constexpr std::array<Duration::rep, 12> kBounds{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};  // ms

  void add(Duration latency) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && latency.count() > kBounds[bucket]) ++bucket;
    buckets_[bucket].add(1);
    sum_.add(static_cast<std::uint64_t>(latency.count()));
  }

  /// Of latencies in (kBounds[bucket - 1], kBounds[bucket]]; the last bucket has no upper bound.
  std::uint64_t count(std::size_t bucket) const { return buckets_[bucket].value(); }
  std::uint64_t sum_milliseconds() const { return sum_.value(); }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter sum_;
};

/// The counters of one event loop.
struct LoopCounters {
  Counter deliveries;                 ///< events written whole to a subscriber
  Counter bytes;                      ///< written to subscribers
  Counter gaps;                       ///< gaps reported to subscribers
  Counter pinned_cuts;                ///< streams cut because slow readers held too many removed events
  Counter handshakes_full;            ///< full TLS handshakes
  Counter handshakes_resumed;         ///< TLS handshakes that were resumed by a ticket
  Counter handshakes_failed;          ///< TLS handshakes that failed for another reason than those below
  Counter handshakes_cut;             ///< clients that were too slow, or one too many at once
  LatencyHistogram publish_to_write;  ///< from publishing until the last of a loop's live subscribers had it
};

/// Requests that were refused, by status and reason. Any thread.
class RefusalCounters {
 public:
  using Counts = std::map<std::pair<int, RefusalReason>, std::uint64_t>;

  /// Every refusal that there can be is 0: an alert can see the first one.
  RefusalCounters() {
    const MutexLock lock(mutex_);
    for (const auto& [status, reason] : kRefusals) counts_[{status, reason}] = 0;
  }

  /// Ignores statuses that are not errors.
  void add(int status, RefusalReason reason) {
    if (status < 400 || status > 599) return;
    const MutexLock lock(mutex_);
    ++counts_[{status, reason}];
  }
  Counts counts() const {
    const MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

}  // namespace millrace
