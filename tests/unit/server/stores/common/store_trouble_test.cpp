#include "stores/common/store_trouble.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stores/common/store_figures.h"

namespace millrace::test {
namespace {

using Reasons = std::vector<std::string>;

TEST(StoreTrouble, ReportsEachChangeOnceAndInOrder) {
  StoreTrouble trouble;
  Reasons told;
  trouble.report_to([&](const StoreStatus& status) { told.push_back(status.reason); });
  trouble.set("disk full");
  trouble.set("disk full");
  trouble.set("file gone");
  trouble.set({});
  trouble.tell();
  trouble.tell();
  EXPECT_EQ(told, (Reasons{"disk full", "file gone", ""}));
  EXPECT_TRUE(trouble.status().is_accepting());
}

TEST(StoreTrouble, CountsHowOftenTheStoreStopped) {
  StoreTrouble trouble;
  trouble.set("disk full");
  trouble.set("file gone");
  trouble.set({});
  trouble.set("disk full");
  EXPECT_EQ(trouble.failures(), 2u);
  const StoreStatistics figures = StoreFigures().with(trouble);
  EXPECT_EQ(figures.failures, 2u);
  EXPECT_FALSE(figures.takes_events);
}

TEST(StoreTrouble, HasAChangeOfTheMeantimeReportedByTheThreadThatReports) {
  StoreTrouble trouble;
  Reasons told;
  int running = 0;
  trouble.report_to([&](const StoreStatus& status) {
    EXPECT_EQ(++running, 1) << "one at a time";
    told.push_back(status.reason);
    if (told.size() == 1) {
      trouble.set({});
      trouble.tell();
    }
    --running;
  });
  trouble.set("disk full");
  trouble.tell();
  EXPECT_EQ(told, (Reasons{"disk full", ""}));
}

TEST(StoreTrouble, KeepsABoundedNumberOfChangesAndTheNewestForASlowReader) {
  StoreTrouble trouble;
  Reasons told;
  trouble.report_to([&](const StoreStatus& status) {
    if (told.empty()) {
      for (int i = 0; i < 1'000; ++i) trouble.set("trouble " + std::to_string(i));
    }
    told.push_back(status.reason);
  });
  trouble.set("the first");
  trouble.tell();
  EXPECT_EQ(told.size(), 1 + StoreTrouble::kMostUntold);
  EXPECT_EQ(told.back(), "trouble 999");
}

TEST(StoreTrouble, ReportsNothingOfAnEarlierServer) {
  StoreTrouble trouble;
  Reasons told;
  const auto on_status = [&](const StoreStatus& status) { told.push_back(status.reason); };
  trouble.report_to(on_status);
  trouble.set("disk full");
  trouble.report_to(nullptr);
  trouble.set("file gone");
  trouble.report_to(on_status);
  trouble.tell();
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(trouble.status().reason, "file gone");
}

}  // namespace
}  // namespace millrace::test
