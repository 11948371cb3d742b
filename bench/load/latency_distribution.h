// LatencyDistribution: durations of any size, accurate to 1 %. One thread adds them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::load {

class LatencyDistribution {
 public:
  void add(std::int64_t nanoseconds) {
    const auto value = static_cast<std::uint64_t>(nanoseconds < 0 ? 0 : nanoseconds);
    ++counts_[bucket_of(value)];
    ++total_;
    if (value > max_) max_ = value;
  }

  void add(const LatencyDistribution& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.max_ > max_) max_ = other.max_;
  }

  /// Milliseconds that a `share` (0 to 1) of the added durations does not exceed; 0 without durations.
  double quantile_ms(double share) const {
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen > rank) return static_cast<double>(upper_bound_of(i)) / 1e6;
    }
    return max_ms();
  }
  double max_ms() const { return static_cast<double>(max_) / 1e6; }
  std::uint64_t total() const { return total_; }

 private:
  // Each power of two has kSteps buckets; each value below kSteps has its own.
  static constexpr std::size_t kStepBits = 7;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static constexpr std::size_t kBuckets = kSteps * (64 - kStepBits + 1);

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kSteps) return value;
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 1 - kStepBits;
    return (shift + 1) * kSteps + static_cast<std::size_t>(value >> shift) - kSteps;
  }
  static std::uint64_t upper_bound_of(std::size_t bucket) {
    if (bucket < kSteps) return bucket;
    const std::size_t shift = bucket / kSteps - 1;
    return ((kSteps + bucket % kSteps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace millrace::load
