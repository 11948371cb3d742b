// Allowance: bounds how often a peer may do something, at once and per second. Pure: time is a parameter.
#pragma once

#include <algorithm>
#include <cstddef>

#include "millrace/core/time.h"

namespace millrace {

class Allowance {
 public:
  Allowance(std::size_t at_once, std::size_t per_second)
      : most_(static_cast<double>(at_once)), per_millisecond_(static_cast<double>(per_second) / 1000), left_(most_) {}

  /// Returns false if less is left.
  bool spend(std::size_t cost, TimePoint now) {
    if (now > filled_at_) {
      left_ = std::min(most_, left_ + per_millisecond_ * static_cast<double>((now - filled_at_).count()));
      filled_at_ = now;
    }
    if (left_ < static_cast<double>(cost)) return false;
    left_ -= static_cast<double>(cost);
    return true;
  }

  /// Allows the peer more.
  void add(std::size_t count) { left_ = std::min(most_, left_ + static_cast<double>(count)); }

 private:
  double most_;
  double per_millisecond_;
  double left_;
  TimePoint filled_at_{};
};

}  // namespace millrace
