// What only the log in memory does. What all logs do is in event_log_test.cpp.
#include "log/ring_event_log.h"

#include <gtest/gtest.h>

#include <string>

#include "scripted_output.h"

namespace millrace::test {
namespace {

constexpr TimePoint kNow{Duration{1'000}};
constexpr std::size_t kPlenty = 64 * 1024 * 1024;

void append(RingEventLog& log, std::string_view data = "x", TimePoint now = kNow, EventId id = {}) {
  const Publication publication{.topic = "a", .event = {.data = data, .id = id}};
  FramePtr frame;
  log.append({&publication, 1}, now, {&frame, 1});
}

TEST(RingEventLog, DropsTheOldestBeyondItsBoundOnBytes) {
  RingEventLog log("e", {.events = 1'000, .bytes = 10'000});
  const std::string data(1'000, 'x');
  for (int i = 0; i < 100; ++i) {
    append(log, data);
    std::size_t bytes = 0;
    for (std::uint64_t after = log.oldest() - 1; after < log.head();) {
      const auto page = log.read_after(after, *filter_for({"a"}));
      for (const FramePtr& frame : page.frames) bytes += frame->bytes.size();
      after = page.through;
    }
    ASSERT_LE(bytes, 10'000u);
    ASSERT_GE(bytes, i < 8 ? 1'000u : 8'000u);
  }
}

TEST(RingEventLog, KeepsTheNewestEventHoweverLargeItIs) {
  RingEventLog log("e", {.events = 10, .bytes = 100});
  append(log);
  append(log, std::string(1'000, 'x'));
  EXPECT_EQ(log.oldest(), 2u);
  EXPECT_EQ(log.head(), 2u);
  append(log);
  EXPECT_EQ(log.oldest(), 3u);
}

TEST(RingEventLog, DropsWhatIsOlderThanItsBoundOnAge) {
  RingEventLog log("e", {.events = 100, .bytes = kPlenty, .age = Duration{1'000}});
  for (int i = 0; i < 10; ++i) append(log, "x", kNow + Duration{i * 100});
  log.expire(kNow + Duration{1'000});
  EXPECT_EQ(log.oldest(), 1u) << "exactly as old as allowed";
  log.expire(kNow + Duration{1'250});
  EXPECT_EQ(log.oldest(), 4u);
  append(log, "x", kNow + Duration{5'000});
  EXPECT_EQ(log.oldest(), 11u) << "an append lets the old go, too";
  log.expire(kNow + Duration{60'000});
  EXPECT_EQ(log.oldest(), 12u) << "an empty log begins behind its head";
  EXPECT_EQ(log.head(), 11u);
}

TEST(RingEventLog, FollowsAnotherLogFromWhereItIs) {
  RingEventLog other("e", {.events = 10, .bytes = kPlenty}, 6);
  for (const char* id : {"7", "8", "9"}) append(other, "x", kNow, *EventId::parse(id));
  const auto frames = other.read_after(6, *filter_for({"a"})).frames;
  ASSERT_EQ(frames.size(), 3u);

  RingEventLog log("e", {.events = 10, .bytes = kPlenty}, 6);
  EXPECT_EQ(log.head(), 6u);
  EXPECT_EQ(log.oldest(), 7u);
  log.follow(frames[0]);
  EXPECT_EQ(log.find("7", *filter_for({"**"})), 7u);
  log.follow(frames[2]);
  EXPECT_EQ(log.oldest(), 9u) << "what is not here cannot be passed over in silence";
  EXPECT_EQ(log.head(), 9u);
  EXPECT_FALSE(log.find("7", *filter_for({"**"})));
  EXPECT_EQ(log.find("9", *filter_for({"**"})), 9u);
}

}  // namespace
}  // namespace millrace::test
