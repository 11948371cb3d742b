// What a fuzzer says before it stops at an input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "transcript.h"

namespace millrace::test {

[[noreturn]] inline void stop(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::abort();
}

inline std::string listed(const Transcript& transcript) {
  std::string text;
  for (const std::string& entry : transcript) text += "  " + entry + "\n";
  return text;
}

inline void expect_same(const Transcript& actual, const Transcript& expected, const std::string& what) {
  if (actual != expected) stop(what + "\nexpected:\n" + listed(expected) + "but was:\n" + listed(actual));
}

}  // namespace millrace::test
