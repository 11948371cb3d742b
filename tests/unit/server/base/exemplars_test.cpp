#include "base/exemplars.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace millrace::test {
namespace {

constexpr char kSampled[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string trace_id(const std::string& parent) {
  const auto trace = sampled_trace(TraceContext::parse(parent).value());
  return trace ? trace->text() : "";
}

TEST(Exemplars, AreOfTracesThatAreRecorded) {
  EXPECT_EQ(trace_id(kSampled), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace_id("00-000000000000000000000000000000ff-00f067aa0ba902b7-ff"), "000000000000000000000000000000ff");
  EXPECT_EQ(trace_id("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), "");
  EXPECT_EQ(trace_id("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02"), "");
  EXPECT_EQ(trace_id("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"),
            "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_FALSE(sampled_trace({}));
}

TEST(Exemplars, AreTheNewestOfEachBucket) {
  Exemplars<2> exemplars;
  EXPECT_FALSE(exemplars.of(0));
  exemplars.keep(1, {.trace = {.high = 1, .low = 2}, .value = 3, .time = 4});
  exemplars.keep(1, {.trace = {.high = 5, .low = 6}, .value = 7, .time = 8});
  EXPECT_FALSE(exemplars.of(0));
  const auto newest = exemplars.of(1);
  ASSERT_TRUE(newest);
  EXPECT_EQ(newest->trace.high, 5u);
  EXPECT_EQ(newest->trace.low, 6u);
  EXPECT_EQ(newest->value, 7u);
  EXPECT_EQ(newest->time, 8u);
}

TEST(Exemplars, AreReadWholeWhileTheyAreReplaced) {
  constexpr std::uint64_t kReplacements = 200'000;
  Exemplars<1> exemplars;
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= kReplacements; ++i) {
      exemplars.keep(0, {.trace = {.high = i, .low = i}, .value = i, .time = i});
    }
    is_over = true;
  });
  std::uint64_t last = 0;
  while (!is_over) {
    const auto one = exemplars.of(0);
    if (!one) continue;
    EXPECT_TRUE(one->trace.high == one->time && one->trace.low == one->time && one->value == one->time);
    EXPECT_GE(one->time, last);
    last = one->time;
  }
  writer.join();
  EXPECT_EQ(exemplars.of(0)->time, kReplacements);
}

}  // namespace
}  // namespace millrace::test
