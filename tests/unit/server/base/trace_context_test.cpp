// Which trace the fields of a request say. What a valid trace is: tests/unit/core/trace_context_test.cpp.
#include "base/trace_context.h"

#include <gtest/gtest.h>

#include <string>

#include "millrace/core/limits.h"

namespace millrace::test {
namespace {

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceOfARequest, IsOneParentWithTheStatesInOrder) {
  const OwnedTraceContext trace = trace_context({" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t"},
                                                {" congo=t61rcWkgMzE", "", "rojo=00f067aa0ba902b7 "});
  EXPECT_EQ(trace.parent(), kParent);
  EXPECT_EQ(trace.state(), "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
}

TEST(TraceOfARequest, IsNothingWithTwoParentsOrAnInvalidOne) {
  EXPECT_TRUE(trace_context({}, {"a=b"}).empty());
  EXPECT_EQ(trace_context({}, {"a=b"}).state(), "");
  EXPECT_TRUE(trace_context({kParent, kParent}, {"a=b"}).empty());
  EXPECT_EQ(trace_context({kParent, kParent}, {"a=b"}).state(), "");
  EXPECT_EQ(trace_context({"00-1"}, {"a=b"}).state(), "");
}

TEST(TraceOfARequest, KeepsTheParentOfAStateThatItDoesNotTake) {
  const std::string large = "a=" + std::string(250, 'x');
  for (const std::vector<std::string_view>& states :
       {std::vector<std::string_view>{large, "b=1", large, "c=1"}, {"a=1", "B=2"}, {"a=\x01"}}) {
    const OwnedTraceContext trace = trace_context({kParent}, states);
    EXPECT_EQ(trace.parent(), kParent);
    EXPECT_EQ(trace.state(), "");
  }
  EXPECT_EQ(trace_context({kParent}, {large, "b=1"}).state(), large + ",b=1");
}

}  // namespace
}  // namespace millrace::test
