#include "market.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <set>
#include <string>

namespace millrace::test {
namespace {

using demo::DemoEvent;
using demo::Market;

TEST(Market, OpensWithAPriceOfEachStockAtOnce) {
  Market market(7);
  const std::size_t stocks = market.due(0);
  std::set<std::string> topics;
  for (std::size_t i = 0; i < stocks; ++i) {
    const DemoEvent opening = market.next(1);
    topics.insert(opening.topic);
    EXPECT_NE(opening.data.find(R"({"n":1,)"), std::string::npos) << opening.data;
  }
  EXPECT_EQ(topics.size(), stocks);
  EXPECT_GE(stocks, 48u);
  EXPECT_EQ(market.due(0), 0u) << "then as time goes by";
  EXPECT_TRUE(topics.contains(market.next(2).topic)) << "no stock comes later";
}

TEST(Market, RetainsEachPrice) {
  Market market(7);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(market.next(1).retain);
}

}  // namespace
}  // namespace millrace::test
