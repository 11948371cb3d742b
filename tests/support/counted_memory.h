// All that operator new has given out and not got back, in this whole process: a program is linked with
// counted_memory.cpp for it.
#pragma once

#include <cstdint>

namespace millrace::test {

/// In bytes, as the system has rounded them up.
std::int64_t live_bytes();

/// The most it has been since forget_peak().
std::int64_t peak_bytes();
void forget_peak();

}  // namespace millrace::test
