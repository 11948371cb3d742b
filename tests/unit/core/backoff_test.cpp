#include "millrace/core/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace millrace::test {
namespace {

constexpr std::uint64_t kSeeds = 500;

std::vector<Duration> waits(Backoff& backoff, int count) {
  std::vector<Duration> out;
  for (int i = 0; i < count; ++i) out.push_back(backoff.next());
  return out;
}

struct Range {
  Duration least, most;
};

// The least and the most that the attempt with this number waits, over many seeds.
Range observed(const Backoff::Policy& policy, int attempt) {
  Range range{Duration::max(), Duration::min()};
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Backoff backoff(policy, seed);
    const Duration wait = waits(backoff, attempt + 1).back();
    range = {std::min(range.least, wait), std::max(range.most, wait)};
  }
  return range;
}

TEST(Backoff, NeverWaitsLessThanTheReconnectionTime) {
  for (const Duration time : {Duration{0}, Duration{1}, Duration{3'000}, Duration{100'000}, kMaxReconnectionTime}) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      Backoff backoff({.reconnection_time = time}, seed);
      for (const Duration wait : waits(backoff, 20)) ASSERT_GE(wait, time) << "seed " << seed;
    }
  }
}

TEST(Backoff, FirstWaitIsTheReconnectionTimeAndItsJitter) {
  const Range range = observed({.reconnection_time = Duration{1'000}, .jitter_percent = 20}, 0);
  EXPECT_GE(range.least, Duration{1'000});
  EXPECT_LE(range.most, Duration{1'200});
  EXPECT_LT(range.least, Duration{1'010}) << "the window is drawn from whole";
  EXPECT_GT(range.most, Duration{1'190}) << "the window is drawn from whole";
}

TEST(Backoff, FirstWaitIsAsShortAsTheServerWants) {
  EXPECT_EQ(observed({.reconnection_time = Duration{0}}, 0).most, Duration{0});
  EXPECT_LE(observed({.reconnection_time = Duration{10}, .jitter_percent = 20}, 0).most, Duration{12});
}

TEST(Backoff, WindowDoublesWithEveryFailure) {
  const Backoff::Policy policy{.reconnection_time = Duration{1'000}, .jitter_percent = 0};
  const std::vector<Duration> tops{Duration{1'000},  Duration{2'000},  Duration{4'000}, Duration{8'000},
                                   Duration{16'000}, Duration{32'000}, kMaxBackoff,     kMaxBackoff};
  for (int attempt = 0; attempt < static_cast<int>(tops.size()); ++attempt) {
    const Range range = observed(policy, attempt);
    EXPECT_LE(range.most, tops[attempt]) << "attempt " << attempt;
    EXPECT_GE(range.most, tops[attempt] * 95 / 100) << "attempt " << attempt;
    EXPECT_GE(range.least, Duration{1'000}) << "attempt " << attempt;
    EXPECT_LE(range.least, Duration{1'000} + tops[attempt] * 5 / 100) << "attempt " << attempt;
  }
}

TEST(Backoff, IsCapped) {
  const Range range = observed({.reconnection_time = Duration{1'000}, .max = Duration{5'000}, .jitter_percent = 0}, 40);
  EXPECT_LE(range.most, Duration{5'000});
  EXPECT_GE(range.most, Duration{4'800});
}

TEST(Backoff, StaysCappedForever) {
  Backoff backoff({.reconnection_time = Duration{1'000}}, 1);
  for (int i = 0; i < 100'000; ++i) ASSERT_LE(backoff.next(), kMaxBackoff + Duration{250});
}

TEST(Backoff, HonoursAReconnectionTimeAboveTheCap) {
  for (const int attempt : {0, 1, 10}) {
    const Range range = observed({.reconnection_time = Duration{120'000}, .jitter_percent = 10}, attempt);
    EXPECT_GE(range.least, Duration{120'000});
    EXPECT_LE(range.most, Duration{132'000});
    EXPECT_GT(range.most, range.least) << "clients must not come back together";
  }
}

TEST(Backoff, ReconnectionTimeOfZeroIsNoStormOnceAttemptsFail) {
  const Backoff::Policy policy{.reconnection_time = Duration{0}};
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Backoff backoff(policy, seed);
    Duration total{0};
    for (const Duration wait : waits(backoff, 12)) total += wait;
    ASSERT_GE(total, Duration{10'000}) << "seed " << seed << ": twelve attempts within " << total.count() << " ms";
  }
}

TEST(Backoff, ReconnectionTimeOfOneMillisecondIsNoStormEither) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Backoff backoff({.reconnection_time = Duration{1}}, seed);
    Duration total{0};
    for (const Duration wait : waits(backoff, 12)) total += wait;
    ASSERT_GE(total, Duration{10'000}) << "seed " << seed;
  }
}

TEST(Backoff, CutsAHugeReconnectionTime) {
  Backoff backoff({}, 1);
  backoff.set_reconnection_time(Duration::max());
  EXPECT_EQ(backoff.reconnection_time(), kMaxReconnectionTime);
  for (const Duration wait : waits(backoff, 50)) EXPECT_EQ(wait, kMaxReconnectionTime);
}

TEST(Backoff, CutsAHugePolicyToo) {
  Backoff backoff({.reconnection_time = Duration::max(), .max = Duration::max(), .jitter_percent = 0xFFFF'FFFF}, 1);
  for (const Duration wait : waits(backoff, 200)) EXPECT_EQ(wait, kMaxReconnectionTime);
}

TEST(Backoff, GrowsToAHugeCapWithoutOverflow) {
  Backoff backoff({.reconnection_time = Duration{1}, .max = Duration::max()}, 1);
  for (const Duration wait : waits(backoff, 200)) {
    ASSERT_GE(wait, Duration{1});
    ASSERT_LE(wait, kMaxReconnectionTime);
  }
}

TEST(Backoff, TakesANegativeTimeAsZero) {
  Backoff backoff({}, 1);
  backoff.set_reconnection_time(Duration{-1});
  EXPECT_EQ(backoff.reconnection_time(), Duration{0});
}

TEST(Backoff, StartsOverAfterReset) {
  const Backoff::Policy policy{.reconnection_time = Duration{1'000}, .jitter_percent = 10};
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Backoff backoff(policy, seed);
    waits(backoff, 10);
    EXPECT_EQ(backoff.failures(), 10U);
    backoff.reset();
    EXPECT_EQ(backoff.failures(), 0U);
    ASSERT_LE(backoff.next(), Duration{1'100}) << "seed " << seed;
  }
}

TEST(Backoff, WaitsTheSameFromTheSameSeed) {
  Backoff one({}, 42);
  Backoff same({}, 42);
  Backoff other({}, 43);
  const auto expected = waits(one, 20);
  EXPECT_EQ(waits(same, 20), expected);
  EXPECT_NE(waits(other, 20), expected);
}

TEST(Backoff, SpreadsClientsThatLostTheSameServer) {
  std::vector<Duration> first;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) first.push_back(Backoff({}, seed).next());
  std::sort(first.begin(), first.end());
  // 750 ms of jitter on the default 3 s: no tenth of a second may hold more than a fair share and a half.
  for (Duration from = kDefaultReconnectionTime; from < kDefaultReconnectionTime + Duration{700};
       from += Duration{100}) {
    const auto in = std::upper_bound(first.begin(), first.end(), from + Duration{100}) -
                    std::lower_bound(first.begin(), first.end(), from);
    EXPECT_LT(in, 200) << "from " << from.count() << " ms";
  }
}

}  // namespace
}  // namespace millrace::test
