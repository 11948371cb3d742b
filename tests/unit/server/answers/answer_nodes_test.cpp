#include "answers/answer_nodes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace millrace {
namespace {

using Names = std::vector<std::string>;

constexpr Duration kTimeout{9'000};  // so a beat is 1 s, and the lease 6 s
constexpr TimePoint kStart{Duration{1'000'000}};
constexpr Duration kSecond{1'000};

TEST(AnswerNodes, ABeatIsDueNineTimesInTheTimeout) {
  AnswerNodes nodes(kTimeout, 1, kStart);
  EXPECT_TRUE(nodes.is_beat_due(kStart));
  nodes.beat(true, kStart);
  EXPECT_FALSE(nodes.is_beat_due(kStart + kSecond - Duration{1}));
  EXPECT_TRUE(nodes.is_beat_due(kStart + kSecond));
}

TEST(AnswerNodes, AServerThatCannotWriteLosesItsLeaseBeforeTheOthersLoseTheirPatience) {
  AnswerNodes nodes(kTimeout, 1, kStart);
  nodes.beat(true, kStart + kSecond);
  nodes.beat(false, kStart + 2 * kSecond);
  EXPECT_FALSE(nodes.has_lost_lease(kStart + 7 * kSecond - Duration{1}));
  EXPECT_TRUE(nodes.has_lost_lease(kStart + 7 * kSecond));
  nodes.renew_lease(kStart + 8 * kSecond);
  EXPECT_FALSE(nodes.has_lost_lease(kStart + 8 * kSecond));
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    AnswerNodes other(kTimeout, seed, kStart);
    other.heard("one", kStart + kSecond);
    EXPECT_EQ(other.take_silent(kStart + 10 * kSecond - Duration{1}), Names{}) << seed;
    EXPECT_EQ(other.take_silent(kStart + 11 * kSecond), Names{"one"}) << seed;
  }
}

TEST(AnswerNodes, AServerThatIsHeardIsNotSilent) {
  AnswerNodes nodes(kTimeout, 1, kStart);
  nodes.heard("one", kStart);
  nodes.heard("two", kStart);
  nodes.heard("one", kStart + 9 * kSecond);
  EXPECT_EQ(nodes.take_silent(kStart + 11 * kSecond), Names{"two"});
  EXPECT_EQ(nodes.take_silent(kStart + 12 * kSecond), Names{}) << "it is forgotten";
  nodes.heard("two", kStart + 12 * kSecond);
  EXPECT_EQ(nodes.take_silent(kStart + 30 * kSecond).size(), 2u);
}

// Or all of them would end the answers of the silent one at once.
TEST(AnswerNodes, ServersLoseTheirPatienceAtDifferentTimes) {
  Names silent;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    AnswerNodes nodes(kTimeout, seed, kStart);
    nodes.heard("one", kStart);
    for (const std::string& name : nodes.take_silent(kStart + Duration{9'500})) silent.push_back(name);
  }
  EXPECT_GT(silent.size(), 10u);
  EXPECT_LT(silent.size(), 90u);
}

}  // namespace
}  // namespace millrace
