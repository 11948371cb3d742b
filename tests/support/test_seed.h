// A seed for tests that choose at random: another each time, and MILLRACE_TEST_SEED to choose the same again.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace millrace::test {

inline std::uint64_t test_seed() {
  const char* const given = std::getenv("MILLRACE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

}  // namespace millrace::test
