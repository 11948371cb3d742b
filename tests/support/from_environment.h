// A number that can be set when a test is run by hand.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace millrace::test {

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

}  // namespace millrace::test
