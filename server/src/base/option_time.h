// Checks of options that are times, and the sentences about those that fail.
#pragma once

#include <optional>
#include <string>

#include "millrace/core/time.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/limits.h"

namespace millrace {

inline constexpr const char* kExpectedTime = "must be longer than 0, and at most 100 years (kMaxOptionTime)";
inline constexpr const char* kExpectedTimeOrZero = "must be 0 to 100 years (kMaxOptionTime)";

constexpr bool is_time_or_zero(Duration time) {
  return time >= Duration{0} && time <= kMaxOptionTime;
}
constexpr bool is_time(Duration time) {
  return is_time_or_zero(time) && time != Duration{0};
}

/// Throws InvalidOption, which names `option`, if a store cannot have this bound on the age of its events.
inline void require_age(std::optional<Duration> age, const char* option) {
  if (age && !is_time(*age)) {
    throw InvalidOption(option, std::string(kExpectedTime) + "; leave it out for no bound");
  }
}

}  // namespace millrace
