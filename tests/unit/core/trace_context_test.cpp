#include "millrace/core/trace_context.h"

#include <gtest/gtest.h>

#include <string>

#include "millrace/core/limits.h"

namespace millrace::test {
namespace {

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string members(std::size_t count) {
  std::string list;
  for (std::size_t i = 0; i < count; ++i) list += (list.empty() ? "k" : ",k") + std::to_string(i) + "=v";
  return list;
}

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
    EXPECT_FALSE(TraceContext::parse(text, "a=b")) << text;
  }
}

TEST(TraceContext, TakesAListOfMembersAsState) {
  const std::string longest(256, 'x');
  for (const std::string& text : {std::string("congo=t61rcWkgMzE"), std::string("a=1 ,, \tfw529a3039@dt=!\"~ b ,"),
                                  members(kMaxTraceStateMembers), "a=" + std::string(longest),
                                  std::string(longest) + "=1", std::string("0_-*/@=x")}) {
    EXPECT_TRUE(is_trace_state(text)) << text;
  }
}

TEST(TraceContext, RefusesAStateOfAnyOtherForm) {
  const std::string too_long(257, 'x');
  const std::string largest = "a=" + std::string(250, 'x') + ",b=" + std::string(250, 'x') + ",c=123";
  EXPECT_EQ(largest.size(), kMaxTraceStateBytes - 1);
  EXPECT_TRUE(is_trace_state(largest + "4"));
  for (const std::string& text :
       {std::string(), std::string(" , "), std::string("a"), std::string("a="), std::string("=1"), std::string("A=1"),
        std::string("_a=1"), std::string("a b=1"), std::string("a=b=c"), std::string("a=\x01"), std::string("a=\u00e9"),
        std::string("a=1\r\nid: 7"), std::string("a=1\0", 4), members(kMaxTraceStateMembers + 1),
        "a=" + std::string(too_long), std::string(too_long) + "=1", largest + "45"}) {
    EXPECT_FALSE(is_trace_state(text)) << text;
    const auto trace = TraceContext::parse(kParent, text);
    ASSERT_TRUE(trace) << "the parent counts by itself";
    EXPECT_EQ(trace->parent(), kParent);
    EXPECT_EQ(trace->state(), "") << text;
  }
}

TEST(TraceContext, IsKeptByItsOwner) {
  OwnedTraceContext kept;
  EXPECT_TRUE(kept.empty());
  {
    const std::string parent = kParent;
    const std::string state = "a=1";
    kept = TraceContext::parse(parent, state).value();
  }
  const TraceContext seen = kept;
  EXPECT_EQ(seen.parent(), kParent);
  EXPECT_EQ(seen.state(), "a=1");
  EXPECT_FALSE(seen.empty());
}

}  // namespace
}  // namespace millrace::test
