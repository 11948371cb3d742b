#include "base/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContext, TakesAParentOfTheStandardsForm) {
  EXPECT_TRUE(is_trace_parent(kParent));
  EXPECT_TRUE(is_trace_parent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  EXPECT_TRUE(is_trace_parent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later"));
}

TEST(TraceContext, RefusesAParentOfAnyOtherForm) {
  for (const std::string& text : {
           std::string(),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"),
           std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
           std::string("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
           std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"),
           std::string("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more"),
           std::string("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-\r\nX: y"),
           std::string("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-") + std::string(100, 'x'),
           std::string(kParent).replace(2, 1, "_"),
           std::string(kParent).replace(35, 1, "_"),
           std::string(kParent).replace(52, 1, "_"),
           std::string(kParent).replace(10, 1, std::string(1, '\0')),
       }) {
    EXPECT_FALSE(is_trace_parent(text)) << text;
  }
}

TEST(TraceContext, IsOneParentWithTheStatesInOrder) {
  const TraceContext context = trace_context({" 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t"},
                                             {" congo=t61rcWkgMzE", "", "rojo=00f067aa0ba902b7 "});
  EXPECT_EQ(context.parent, kParent);
  EXPECT_EQ(context.state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
}

TEST(TraceContext, IsNothingWithTwoParentsOrAnInvalidOne) {
  EXPECT_EQ(trace_context({}, {"a=b"}).state, "");
  EXPECT_EQ(trace_context({kParent, kParent}, {"a=b"}).parent, "");
  EXPECT_EQ(trace_context({kParent, kParent}, {"a=b"}).state, "");
  EXPECT_EQ(trace_context({"00-1"}, {"a=b"}).state, "");
}

TEST(TraceContext, KeepsTheParentOfAStateThatItDoesNotTake) {
  for (const std::string& state :
       {std::string(kMaxTraceStateBytes + 1, 'x'), std::string("a=\x01"), std::string("a=é")}) {
    const TraceContext context = trace_context({kParent}, {state});
    EXPECT_EQ(context.parent, kParent);
    EXPECT_EQ(context.state, "") << state.substr(0, 20);
  }
  EXPECT_EQ(trace_context({kParent}, {std::string(kMaxTraceStateBytes, 'x')}).state.size(), kMaxTraceStateBytes);
}

}  // namespace
}  // namespace millrace::test
