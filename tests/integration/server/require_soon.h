// require_soon(): waits for a condition whose failure would hang the test.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "eventually.h"

namespace millrace::test {

/// Ends the test program, not only the test, where something hangs: what hangs could not be joined either.
inline void require_soon(const std::function<bool()>& condition, const char* what) {
  if (eventually(condition)) return;
  std::fprintf(stderr, "hangs: %s\n", what);
  std::abort();
}

}  // namespace millrace::test
