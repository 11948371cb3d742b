#include "stores/jetstream/stream_numbers.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace millrace::test {
namespace {

StreamNumbers numbers_with(std::initializer_list<StreamLoss> losses) {
  StreamNumbers numbers;
  for (const StreamLoss& loss : losses) EXPECT_TRUE(numbers.add(loss));
  return numbers;
}

TEST(StreamNumbers, AreTheStreamsWithoutALoss) {
  const StreamNumbers numbers;
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{7}, UINT64_MAX}) {
    EXPECT_EQ(numbers.in_log(number), number);
    EXPECT_EQ(numbers.in_stream(number), number);
    EXPECT_FALSE(numbers.first_after(number));
  }
  EXPECT_EQ(numbers.text(), "");
  EXPECT_EQ(numbers.generation(7), "");
}

TEST(StreamNumbers, AreNewAfterALoss) {
  const StreamNumbers numbers = numbers_with({{.through = 10, .next = 1'000, .mark = 15}});
  EXPECT_EQ(numbers.in_log(10), 10U);
  EXPECT_EQ(numbers.through_in_log(9), 9U);
  EXPECT_EQ(numbers.through_in_log(10), 999U) << "nothing follows up to there";
  EXPECT_EQ(numbers.in_log(11), 1'000U);
  EXPECT_EQ(numbers.in_log(20), 1'009U);
  EXPECT_EQ(numbers.in_stream(1'009), 20U);
  for (const std::uint64_t lost : {11U, 500U, 998U}) {
    EXPECT_EQ(numbers.in_stream(lost), 10U) << lost;
    EXPECT_EQ(numbers.first_after(lost), 1'000U) << lost;
  }
  for (const std::uint64_t there : {9U, 10U, 999U, 1'000U, 1'001U}) EXPECT_FALSE(numbers.first_after(there)) << there;
  EXPECT_NE(numbers.generation(11), numbers.generation(10));
}

TEST(StreamNumbers, AreNeverGivenTwiceByTwoMarksOfOneLoss) {
  StreamNumbers numbers = numbers_with({{.through = 10, .next = 1'000, .mark = 15}});
  const std::uint64_t given = numbers.in_log(16);
  EXPECT_TRUE(numbers.add({.through = 10, .next = 990, .mark = 16}));
  EXPECT_GT(numbers.in_log(11), given);
  EXPECT_FALSE(numbers.add({.through = 10, .next = 5'000, .mark = 16})) << "known";
  EXPECT_FALSE(numbers.add({.through = 10, .next = 5'000, .mark = 15})) << "known";
}

TEST(StreamNumbers, KeepSeveralLosses) {
  StreamNumbers numbers =
      numbers_with({{.through = 10, .next = 1'000, .mark = 15}, {.through = 30, .next = 9'000, .mark = 35}});
  EXPECT_EQ(numbers.in_log(30), 1'019U);
  EXPECT_EQ(numbers.in_log(31), 9'000U);
  EXPECT_EQ(numbers.in_stream(5'000), 30U);
  EXPECT_EQ(numbers.first_after(5'000), 9'000U);
  EXPECT_EQ(StreamNumbers::parse(numbers.text()).text(), numbers.text());
  EXPECT_EQ(StreamNumbers::parse(numbers.text()).in_log(31), 9'000U);
  numbers.forget_after(34);
  EXPECT_EQ(numbers.in_log(31), 1'020U) << "its mark is lost as well";
}

TEST(StreamNumbers, AreBounded) {
  StreamNumbers numbers;
  for (std::uint64_t i = 1; i <= 2 * kMaxStreamLosses; ++i) {
    ASSERT_TRUE(
        numbers.add({.through = 10 * i, .next = numbers.in_log(10 * i) + kNumbersBehindLoss, .mark = 10 * i + 5}));
  }
  EXPECT_LE(numbers.text().size(), 4'000U) << "a stream's description has 4 KiB";
  EXPECT_EQ(StreamNumbers::parse(numbers.text()).text(), numbers.text());
}

TEST(StreamNumbers, IgnoreWhatCannotBe) {
  StreamNumbers numbers;
  EXPECT_FALSE(numbers.add({.through = 5, .next = 5, .mark = 6})) << "a number given twice";
  EXPECT_FALSE(numbers.add({.through = 5, .next = 9, .mark = 5})) << "a mark in front of the loss";
  EXPECT_FALSE(numbers.add({.through = 5, .next = UINT64_MAX, .mark = 6})) << "no numbers left";
  for (const char* text : {"", "1", "1 ", "1 2 3", "a b", "-1 5", "1 99999999999999999999", "5 4"}) {
    EXPECT_FALSE(StreamLoss::parse(text, 100)) << text;
  }
  EXPECT_EQ(StreamLoss::parse("1 20", 100), (StreamLoss{.through = 1, .next = 20, .mark = 100}));
  for (const char* text : {"1", "1 20", "1 20 3,", "1 20 3, ", "5 20 9, 1 30 10", "1 20 9, 5 20 10", "x"}) {
    const StreamNumbers parsed = StreamNumbers::parse(text);
    EXPECT_TRUE(parsed.text().empty() || parsed.text() == "1 20 3") << text;
  }
}

}  // namespace
}  // namespace millrace::test
