#include "shares/rate_limit.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace millrace::test {
namespace {

TEST(RateLimit, AllowsABurstAndThenTheRate) {
  RateLimit limit(10, 5);
  TimePoint now{Duration{1'000}};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0}) << i;
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{100});
  EXPECT_EQ(limit.spend(Who::user("b"), 5, now), Duration{0});
  now += Duration{100};
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{100});
  now += Duration{60'000};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0}) << i;
  EXPECT_NE(limit.spend(Who::user("a"), 1, now), Duration{0});
}

TEST(RateLimit, LendsToAPublisherOfMoreThanABurst) {
  RateLimit limit(10, 5);
  TimePoint now{Duration{1'000}};
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 25, now), Duration{100});
  now += Duration{100};
  EXPECT_EQ(limit.spend(Who::user("a"), 25, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{2'100});
}

TEST(RateLimit, ForgetsTheFullestBucketRatherThanRefuseAStranger) {
  RateLimit limit(1, 2);
  const TimePoint now{Duration{1'000}};
  // The first has taken all it may have at once, the others half of it.
  ASSERT_EQ(limit.spend(Who::user("greedy"), 2, now), Duration{0});
  for (std::size_t i = 1; i < kMaxWatchedPublishers; ++i) {
    ASSERT_EQ(limit.spend(Who::user(std::to_string(i)), 1, now), Duration{0});
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(limit.spend(Who::user("stranger " + std::to_string(i)), 1, now), Duration{0}) << i;
  }
  EXPECT_EQ(limit.watched(), kMaxWatchedPublishers);
  EXPECT_EQ(limit.spend(Who::user("greedy"), 1, now), Duration{1'000}) << "the emptiest bucket is kept";
}

}  // namespace
}  // namespace millrace::test
