#include "millrace/core/json_bounds.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

TEST(JsonBounds, AreSizeAndDepth) {
  EXPECT_EQ(exceeded_json_bound("12345", 5), JsonBound::kNone);
  EXPECT_EQ(exceeded_json_bound("123456", 5), JsonBound::kBytes);
  EXPECT_EQ(exceeded_json_bound("[[{}]]", 100, 3), JsonBound::kNone);
  EXPECT_EQ(exceeded_json_bound("[[{[", 100, 3), JsonBound::kDepth);
  const std::string deep(kMaxJsonDepth, '[');
  EXPECT_EQ(exceeded_json_bound(deep, 100), JsonBound::kNone);
  EXPECT_EQ(exceeded_json_bound(deep + "[", 100), JsonBound::kDepth);
}

TEST(JsonBounds, CountWhatIsOpenAtOnceOutsideOfStrings) {
  EXPECT_EQ(exceeded_json_bound("[[],[],[],{},{}]", 100, 2), JsonBound::kNone);
  EXPECT_EQ(exceeded_json_bound(R"(["[[[[","\"[[[[","\\",[]])", 100, 2), JsonBound::kNone);
  EXPECT_EQ(exceeded_json_bound(R"(["\\",[[]]])", 100, 2), JsonBound::kDepth);
  EXPECT_EQ(exceeded_json_bound("\"\\", 100, 0), JsonBound::kNone) << "ends in the middle of an escape";
}

}  // namespace
}  // namespace millrace::test
