// A subscriber that leaves costs as much, however many others listen to the same topic.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lone_hub.h"
#include "scripted_outlet.h"
#include "stream/subscriber_table.h"
#include "work_counter.h"

namespace millrace::test {
namespace {

// All listen to one topic, and each to another of its own, before or behind it: so their filters are not equal.
std::uint64_t work_of_leaving(std::size_t count) {
  LoneHub hub({.history_events = 10, .history_bytes = 10'000, .epoch = "ep", .clock = [] { return TimePoint{}; }});
  SubscriberTable table;
  ScriptedOutlet output;
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string own = (i % 2 == 0 ? "a/" : "z/") + std::to_string(i);
    subscribers.push_back(std::make_unique<Subscriber>(
        hub, output, Subscriber::Subscription{.filter = filter_for({"everybody", own}), .client = ""}));
    table.add(*subscribers.back());
  }
  const std::uint64_t before = work_done();
  for (std::size_t i = 0; i < count; ++i) table.remove(*subscribers[(i * 7) % count]);
  EXPECT_EQ(table.size(), 0u);
  return work_done() - before;
}

TEST(LeavingWork, DoesNotGrowWithThoseThatListenToTheSameTopic) {
  const std::uint64_t some = work_of_leaving(1'000);
  const std::uint64_t many = work_of_leaving(8'000);
  ASSERT_GT(some, 1'000u);
  EXPECT_LT(many, 12 * some) << "eight times as many leave: " << some << " and " << many << " steps";
}

}  // namespace
}  // namespace millrace::test
