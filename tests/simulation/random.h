// Random: everything a simulated life draws, from its seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "millrace/core/time.h"

namespace millrace::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  /// Below `bound`, which is at least 1.
  std::size_t below(std::size_t bound) { return engine_() % bound; }
  /// From `least` to `most`, both included.
  std::size_t between(std::size_t least, std::size_t most) { return least + below(most - least + 1); }
  Duration between(Duration least, Duration most) {
    return least + Duration{static_cast<Duration::rep>(below(static_cast<std::size_t>((most - least).count()) + 1))};
  }
  /// True in `percent` of 100 cases.
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <typename T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace millrace::simulation
