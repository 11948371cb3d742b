#include "shares/retry_spread.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::test {
namespace {

TEST(RetrySpread, SpreadsClientsThatWereRefusedTogether) {
  RetrySpread retry_spread(7);
  std::vector<int> seen(100);
  for (int i = 0; i < 1'000; ++i) ++seen[static_cast<std::size_t>(std::stoi(retry_spread.draw(Duration{9'500})))];
  for (std::size_t seconds = 0; seconds < seen.size(); ++seconds) {
    EXPECT_EQ(seen[seconds] > 0, seconds >= 10 && seconds <= 30) << seconds;
  }
}

}  // namespace
}  // namespace millrace::test
