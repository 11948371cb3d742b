// CpuProfiler: where the program's threads spend their CPU time. gperftools takes the profile, in its own format.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mutex.h"

namespace millrace::cli {

/// Longest time of a profile, and largest profile.
inline constexpr std::chrono::seconds kMaxProfileTime{120};
inline constexpr std::size_t kMaxProfileBytes = 64 * 1024 * 1024;

struct CpuProfile {
  enum class Outcome : std::uint8_t {
    kTaken,
    kBusy,      ///< another profile is being taken
    kFailed,    ///< gperftools cannot take one
    kNotBuilt,  ///< this build has no gperftools
  };
  Outcome outcome = Outcome::kFailed;
  std::string text;                   ///< the profile if it was taken, else a sentence
  std::chrono::seconds free_after{};  ///< if busy: when the other one ends
};

/// Any thread.
class CpuProfiler {
 public:
  /// Waits for the time to pass, which is at most kMaxProfileTime, or for stop().
  CpuProfile take(std::chrono::seconds time);

  /// Ends a profile early, and all later ones at once.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  Mutex mutex_;
  Condition stopped_;
  bool is_stopped_ GUARDED_BY(mutex_) = false;
  bool is_taking_ GUARDED_BY(mutex_) = false;
  Clock::time_point end_ GUARDED_BY(mutex_);  // of the profile that is being taken

  CpuProfile profile_until(Clock::time_point end);
};

}  // namespace millrace::cli
