#include "log/sequence_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace millrace {
namespace {

TEST(SequenceSet, FindsTheNextMember) {
  SequenceSet set;
  EXPECT_EQ(set.next(0), std::nullopt);
  set.insert(64);
  set.insert(300);
  EXPECT_EQ(set.next(0), 64);
  EXPECT_EQ(set.next(64), 64);
  EXPECT_EQ(set.next(65), 300);
  EXPECT_EQ(set.next(301), std::nullopt);
  EXPECT_EQ(set.next(UINT64_MAX), std::nullopt);
}

// A log that follows a store may go on far behind its last entry.
TEST(SequenceSet, GoesOnAfterAGap) {
  SequenceSet set;
  set.insert(1);
  set.erase_before(1'000'000'000'000);
  set.insert(1'000'000'000'000);
  EXPECT_EQ(set.next(0), 1'000'000'000'000);
}

TEST(SequenceSet, IsLikeAnOrderedSet) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    SequenceSet set;
    std::set<std::uint64_t> model;
    std::uint64_t first = 1 + random() % 200;
    std::uint64_t last = first - 1;
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t any = first + random() % 200;
      switch (random() % 4) {
        case 0:
          set.erase(any);
          model.erase(any);
          break;
        case 1:
          first += random() % 10;
          last = std::max(last, first - 1);
          set.erase_before(first);
          model.erase(model.begin(), model.lower_bound(first));
          break;
        default:
          last += 1 + random() % 3;
          set.insert(last);
          model.insert(last);
      }
      const std::uint64_t from = random() % (last + 70);
      const auto expected = model.lower_bound(from);
      ASSERT_EQ(set.next(from), expected == model.end() ? std::nullopt : std::optional(*expected));
    }
  }
}

}  // namespace
}  // namespace millrace
