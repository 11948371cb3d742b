// Counts work instead of time, so that a slow machine says the same as a fast one.
#pragma once

#include <cstdint>

namespace millrace::test {

/// Basic blocks run in the instrumented objects, plus bytes passed through the memory functions of the C library,
/// since the program began.
std::uint64_t work_done();

}  // namespace millrace::test
