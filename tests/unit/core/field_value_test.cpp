#include "millrace/core/field_value.h"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

using namespace std::string_view_literals;

template <typename Value>
class FieldValue : public testing::Test {};

struct OfId {
  using Type = EventId;
  static constexpr std::size_t kMaxBytes = kMaxEventIdBytes;
};
struct OfType {
  using Type = EventType;
  static constexpr std::size_t kMaxBytes = kMaxEventTypeBytes;
};
using Kinds = testing::Types<OfId, OfType>;
TYPED_TEST_SUITE(FieldValue, Kinds);

TYPED_TEST(FieldValue, RefusesWhatWouldInjectAField) {
  using Type = typename TypeParam::Type;
  for (const std::string_view text : {"a\nb"sv, "a\rb"sv, "a\r\nb"sv, "\n"sv, "\r"sv, "a\n"sv, "\nb"sv, "a\0b"sv,
                                      "\0"sv, "a\0"sv, "1\ndata: injected"sv}) {
    EXPECT_FALSE(Type::parse(text).has_value()) << testing::PrintToString(text);
  }
}

TYPED_TEST(FieldValue, KeepsAnythingElseAsItIs) {
  using Type = typename TypeParam::Type;
  for (const std::string_view text : {""sv, "a"sv, " a "sv, ":"sv, "a: b"sv, "\t"sv, "ÿ世🦀"sv, "\x7F"sv}) {
    const auto value = Type::parse(text);
    ASSERT_TRUE(value.has_value()) << testing::PrintToString(text);
    EXPECT_EQ(value->view(), text);
    EXPECT_EQ(value->view().data(), text.data()) << "it is a view";
    EXPECT_EQ(value->empty(), text.empty());
  }
}

TYPED_TEST(FieldValue, IsBounded) {
  using Type = typename TypeParam::Type;
  const std::string longest(TypeParam::kMaxBytes, 'x');
  const std::string too_long(TypeParam::kMaxBytes + 1, 'x');
  EXPECT_TRUE(Type::parse(longest).has_value());
  EXPECT_FALSE(Type::parse(too_long).has_value());
}

TYPED_TEST(FieldValue, IsEmptyByDefault) {
  constexpr typename TypeParam::Type value;
  static_assert(value.empty());
  static_assert(value.view().empty());
}

TYPED_TEST(FieldValue, TakesALiteral) {
  constexpr typename TypeParam::Type value = "created";
  static_assert(value.view() == "created");
  static_assert(!value.empty());
}

}  // namespace
}  // namespace millrace::test
