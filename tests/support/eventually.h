// Waiting for what another thread, process or the network brings about, with a deadline that only ends a hang.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace millrace::test {

/// Long enough for a machine under load; reached only when something is broken.
inline constexpr std::chrono::seconds kDeadline{30};

/// The same for a wait in which something comes all the time, such as heartbeats. It is below the limit of most tests,
/// so that the wait fails with a sentence.
inline constexpr std::chrono::seconds kWholeDeadline{100};

/// The end of a wait that whatever comes could keep up for ever.
class Deadline {
 public:
  explicit Deadline(std::chrono::seconds time = kWholeDeadline)
      : time_(time), end_(std::chrono::steady_clock::now() + time) {}

  /// Throws std::runtime_error beyond it; `what()` says what has not come.
  template <typename What>
  void check(const What& what) const {
    if (std::chrono::steady_clock::now() <= end_) return;
    throw std::runtime_error("not within " + std::to_string(time_.count()) + " s: " + what());
  }

 private:
  std::chrono::seconds time_;
  std::chrono::steady_clock::time_point end_;
};

/// False if the condition has not come true in time.
template <typename Condition>
bool eventually(Condition condition, std::chrono::seconds time = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace millrace::test
