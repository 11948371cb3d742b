// What event loops answer to a thread that asks them. A loop that is stuck must not keep it waiting for ever.
#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <vector>

namespace millrace {

/// How long a thread waits for the answers of event loops.
inline constexpr std::chrono::seconds kLoopPatience{3};

/// What those loops have answered that are not silent.
template <typename Result>
struct Answered {
  Result result{};
  std::size_t silent_loops = 0;  ///< loops that have not answered within kLoopPatience
};

/// Passes to `take` each answer that comes within kLoopPatience. Returns the number of silent loops.
template <typename Result, typename Take>
std::size_t take_answers(std::vector<std::future<Result>> answers, const Take& take) {
  const auto patience_ends = std::chrono::steady_clock::now() + kLoopPatience;
  std::size_t silent = 0;
  for (auto& answer : answers) {
    if (answer.wait_until(patience_ends) == std::future_status::ready) {
      take(answer.get());
    } else {
      ++silent;
    }
  }
  return silent;
}

}  // namespace millrace
