// eventually: waits for a condition that another thread or the network brings about.
#pragma once

#include <chrono>
#include <thread>

namespace millrace::test {

/// Long enough for a machine under load; reached only when something is broken.
inline constexpr std::chrono::seconds kDeadline{30};

/// False if the condition has not come true in time.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace millrace::test
