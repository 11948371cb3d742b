// Counter and Histogram: numbers for the metrics, which cost their threads next to nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace millrace {

/// One thread adds, any thread reads.
class Counter {
 public:
  void add(std::uint64_t count) { value_.store(value() + count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// Any thread adds, any thread reads.
class SharedCounter {
 public:
  void add(std::uint64_t count) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

/// Numbers, in buckets. The threads that may add are those of `Count`; any thread reads.
template <typename Count, auto kUpperBounds>
class Histogram {
 public:
  static constexpr auto& kBounds = kUpperBounds;

  /// Returns the number of its bucket.
  std::size_t add(std::uint64_t value) {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) ++bucket;
    buckets_[bucket].add(1);
    sum_.add(value);
    return bucket;
  }

  /// Of numbers in (kBounds[bucket - 1], kBounds[bucket]]; the last bucket has no upper bound.
  std::uint64_t count(std::size_t bucket) const { return buckets_[bucket].value(); }
  std::uint64_t sum() const { return sum_.value(); }

 private:
  std::array<Count, kUpperBounds.size() + 1> buckets_;
  Count sum_;
};

inline constexpr std::array<std::uint64_t, 12> kMilliseconds{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
inline constexpr std::array<std::uint64_t, 7> kEntriesBehind{1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
using LatencyHistogram = Histogram<Counter, kMilliseconds>;
using SharedLatencyHistogram = Histogram<SharedCounter, kMilliseconds>;
using DepthHistogram = Histogram<Counter, kEntriesBehind>;

}  // namespace millrace
