#include "shares/quota.h"

#include <gtest/gtest.h>

namespace millrace::test {
namespace {

TEST(Quota, GivesEachHolderItsShareAndTakesItBack) {
  Quota quota(2);
  auto first = quota.take(Who::user("a"));
  auto second = quota.take(Who::user("a"));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(quota.take(Who::user("a")));
  EXPECT_TRUE(quota.take(Who::user("b")));
  first.reset();
  auto third = quota.take(Who::user("a"));
  EXPECT_TRUE(third);
  EXPECT_FALSE(quota.take(Who::user("a")));
}

}  // namespace
}  // namespace millrace::test
