#include "log/ring_event_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace millrace::test {
namespace {

constexpr TimePoint kNow{Duration{1'000}};
constexpr std::size_t kPlenty = 64 * 1024 * 1024;

TopicFilter filter_of(const std::vector<std::string>& patterns) {
  std::vector<TopicPattern> parsed;
  for (const std::string& pattern : patterns) parsed.push_back(*TopicPattern::parse(pattern));
  return TopicFilter(parsed);
}

std::vector<std::uint64_t> sequences(const std::vector<FramePtr>& frames) {
  std::vector<std::uint64_t> result;
  for (const FramePtr& frame : frames) result.push_back(frame->sequence);
  return result;
}

// Everything after `sequence` that matches, page by page.
std::vector<std::uint64_t> read_all(const RingEventLog& log, std::uint64_t sequence, const TopicFilter& filter) {
  std::vector<std::uint64_t> result;
  while (true) {
    const auto page = log.read_after(sequence, filter);
    EXPECT_LE(page.frames.size(), RingEventLog::kPageFrames);
    for (const std::uint64_t one : sequences(page.frames)) result.push_back(one);
    if (page.through >= log.head()) return result;
    if (page.through <= sequence) {
      ADD_FAILURE() << "a page that leads nowhere";
      return result;
    }
    sequence = page.through;
  }
}

TEST(RingEventLog, BeginsEmptyAndCountsFromOne) {
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  EXPECT_EQ(log.head(), 0u);
  EXPECT_EQ(log.oldest(), 1u);
  EXPECT_EQ(log.append("a", {.data = "x"}, kNow)->sequence, 1u);
  EXPECT_EQ(log.head(), 1u);
  EXPECT_EQ(log.oldest(), 1u);
}

TEST(RingEventLog, EncodesAnEventOnceAsAWholeChunk) {
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  const FramePtr given = log.append("a", {.type = "t", .data = "x\ny"}, kNow);
  EXPECT_EQ(given->payload(), "event: t\nid: e-1\ndata: x\ndata: y\n\n");
  EXPECT_EQ(given->chunk(), "22\r\n" + std::string(given->payload()) + "\r\n");
  const FramePtr own = log.append("a", {.data = "x", .id = "mine"}, kNow);
  EXPECT_EQ(own->payload(), "id: mine\ndata: x\n\n");
}

TEST(RingEventLog, DropsTheOldestBeyondItsBoundOnEvents) {
  RingEventLog log("e", {.events = 3, .bytes = kPlenty});
  for (int i = 0; i < 5; ++i) log.append("a", {.data = "x"}, kNow);
  EXPECT_EQ(log.head(), 5u);
  EXPECT_EQ(log.oldest(), 3u);
  EXPECT_EQ(read_all(log, 2, filter_of({"a"})), (std::vector<std::uint64_t>{3, 4, 5}));
}

TEST(RingEventLog, DropsTheOldestBeyondItsBoundOnBytes) {
  RingEventLog log("e", {.events = 1'000, .bytes = 10'000});
  const std::string data(1'000, 'x');
  for (int i = 0; i < 100; ++i) {
    log.append("a", {.data = data}, kNow);
    std::size_t bytes = 0;
    for (std::uint64_t after = log.oldest() - 1; after < log.head();) {
      const auto page = log.read_after(after, filter_of({"a"}));
      for (const FramePtr& frame : page.frames) bytes += frame->bytes.size();
      after = page.through;
    }
    ASSERT_LE(bytes, 10'000u);
    ASSERT_GE(bytes, i < 8 ? 1'000u : 8'000u);
  }
}

TEST(RingEventLog, KeepsTheNewestEventHoweverLargeItIs) {
  RingEventLog log("e", {.events = 10, .bytes = 100});
  log.append("a", {.data = "x"}, kNow);
  log.append("a", {.data = std::string(1'000, 'x')}, kNow);
  EXPECT_EQ(log.oldest(), 2u);
  EXPECT_EQ(log.head(), 2u);
  log.append("a", {.data = "x"}, kNow);
  EXPECT_EQ(log.oldest(), 3u);
}

TEST(RingEventLog, DropsWhatIsOlderThanItsBoundOnAge) {
  RingEventLog log("e", {.events = 100, .bytes = kPlenty, .age = Duration{1'000}});
  for (int i = 0; i < 10; ++i) log.append("a", {.data = "x"}, kNow + Duration{i * 100});
  log.expire(kNow + Duration{1'000});
  EXPECT_EQ(log.oldest(), 1u) << "exactly as old as allowed";
  log.expire(kNow + Duration{1'250});
  EXPECT_EQ(log.oldest(), 4u);
  log.append("a", {.data = "x"}, kNow + Duration{5'000});
  EXPECT_EQ(log.oldest(), 11u) << "an append lets the old go, too";
  log.expire(kNow + Duration{60'000});
  EXPECT_EQ(log.oldest(), 12u) << "an empty log begins behind its head";
  EXPECT_EQ(log.head(), 11u);
}

TEST(RingEventLog, FindsAPublishersIdWhileItsEventIsHere) {
  RingEventLog log("e", {.events = 2, .bytes = kPlenty});
  log.append("a", {.data = "x", .id = "one"}, kNow);
  log.append("a", {.data = "x", .id = "two"}, kNow);
  EXPECT_EQ(log.find("one"), 1u);
  log.append("b", {.data = "x"}, kNow);
  EXPECT_FALSE(log.find("one"));
  EXPECT_EQ(log.find("two"), 2u);
  EXPECT_FALSE(log.find(""));
  EXPECT_FALSE(log.find("e-2"));
}

TEST(RingEventLog, ForgetsATopicWithItsLastEvent) {
  RingEventLog log("e", {.events = 2, .bytes = kPlenty});
  log.append("a", {.data = "x"}, kNow);
  log.append("b", {.data = "x"}, kNow);
  log.append("b", {.data = "x"}, kNow);
  const auto page = log.read_after(1, filter_of({"a"}));
  EXPECT_TRUE(page.frames.empty());
  EXPECT_EQ(page.through, 3u) << "no other event up to the head is of this topic";
  log.append("a", {.data = "x"}, kNow);
  EXPECT_EQ(read_all(log, 2, filter_of({"a"})), (std::vector<std::uint64_t>{4}));
}

TEST(RingEventLog, APageIsBoundedInEventsBytesAndEventsLookedAt) {
  RingEventLog log("e", {.events = 100'000, .bytes = kPlenty});
  const std::string large(RingEventLog::kPageBytes / 2, 'x');
  for (int i = 0; i < 10; ++i) log.append("large", {.data = large}, kNow);
  for (std::size_t i = 0; i < RingEventLog::kPageScan * 2; ++i) log.append("small", {.data = "x"}, kNow);
  log.append("last", {.data = "x"}, kNow);
  for (const char* pattern : {"large", "large/**", "small", "*"}) {
    const auto page = log.read_after(0, filter_of({pattern}));
    EXPECT_LE(page.frames.size(), RingEventLog::kPageFrames) << pattern;
    std::size_t bytes = 0;
    for (const FramePtr& frame : page.frames) bytes += frame->bytes.size();
    EXPECT_LE(bytes, 2 * RingEventLog::kPageBytes) << pattern;
  }
  const auto scanned = log.read_after(10, filter_of({"nothing/*"}));
  EXPECT_TRUE(scanned.frames.empty());
  EXPECT_EQ(scanned.through, 10 + RingEventLog::kPageScan);
  const auto indexed = log.read_after(10, filter_of({"last"}));
  EXPECT_EQ(indexed.frames.size(), 1u) << "an index costs what it delivers";
}

TEST(RingEventLog, ATopicIsFinishedUntilItIsPublishedToAgainOrForgotten) {
  RingEventLog log("e", {.events = 3, .bytes = kPlenty});
  const TopicFilter a = filter_of({"a"});
  EXPECT_FALSE(log.finished_at(a));
  log.append("a", {.data = "x"}, kNow);
  EXPECT_FALSE(log.finished_at(a));
  const FramePtr finish = log.append_finish("a", kNow);
  EXPECT_TRUE(finish->finishes_topic);
  EXPECT_EQ(log.finished_at(a), 2u);
  EXPECT_FALSE(log.finished_at(filter_of({"a", "b"})));
  EXPECT_FALSE(log.finished_at(filter_of({"*"})));
  log.append_finish("b", kNow);
  EXPECT_EQ(log.finished_at(filter_of({"a", "b"})), 3u);
  log.append("a", {.data = "x"}, kNow);
  EXPECT_FALSE(log.finished_at(a));
  log.append_finish("a", kNow);
  EXPECT_EQ(log.finished_at(a), 5u);
  for (int i = 0; i < 3; ++i) log.append("c", {.data = "x"}, kNow);
  EXPECT_FALSE(log.finished_at(a)) << "forgotten with its last event";
}

// --- Against a model that keeps everything and looks at all of it
// -----------------------------------------------------

struct Entry {
  std::uint64_t sequence;
  std::string topic;
  std::string id;
};

void run_against_model(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const std::vector<std::string> topics = {"a", "b", "a/x", "a/y", "b/x", "a/x/1", "c"};
  const std::vector<std::vector<std::string>> filters = {
      {"a"},       {"a", "b/x"}, {"b", "a/x", "a/y", "c"}, {"*"}, {"a/*"}, {"a/**", "c"}, {"**"},
      {"nowhere"}, {"*/x"},      {"*", "*/*", "a/**"}};
  const std::size_t capacity = 1 + up_to(200);
  RingEventLog log("e", {.events = capacity, .bytes = kPlenty});
  std::vector<Entry> model;
  std::set<std::string> ids;

  for (int step = 0; step < 300; ++step) {
    Entry entry{.sequence = model.size() + 1, .topic = topics[up_to(topics.size() - 1)], .id = {}};
    if (up_to(3) == 0) {
      entry.id = "id" + std::to_string(up_to(400));
      if (log.find(entry.id)) entry.id.clear();
    }
    log.append(*Topic::parse(entry.topic), {.data = "x", .id = *EventId::parse(entry.id)}, kNow);
    model.push_back(entry);
    const std::uint64_t oldest = model.size() > capacity ? model.size() - capacity + 1 : 1;
    ASSERT_EQ(log.oldest(), oldest) << "seed " << seed;
    ASSERT_EQ(log.head(), model.size()) << "seed " << seed;

    std::map<std::string, std::uint64_t> kept;
    for (const Entry& one : model) {
      if (one.sequence >= oldest && !one.id.empty()) kept[one.id] = one.sequence;
    }
    const std::string asked = "id" + std::to_string(up_to(400));
    ASSERT_EQ(log.find(asked).value_or(0), kept.contains(asked) ? kept[asked] : 0) << "seed " << seed;

    const auto& patterns = filters[up_to(filters.size() - 1)];
    const TopicFilter filter = filter_of(patterns);
    const std::uint64_t after = oldest - 1 + up_to(model.size() - (oldest - 1));
    std::vector<std::uint64_t> expected;
    for (const Entry& one : model) {
      const bool matches = std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return TopicPattern::parse(pattern)->matches(*Topic::parse(one.topic));
      });
      if (one.sequence > after && matches) expected.push_back(one.sequence);
    }
    ASSERT_EQ(read_all(log, after, filter), expected) << "seed " << seed << ", step " << step;
  }
}

TEST(RingEventLog, AgreesWithALookAtEveryEvent) {
  for (std::uint32_t seed = 1; seed <= 100 && !::testing::Test::HasFatalFailure(); ++seed) run_against_model(seed);
}

}  // namespace
}  // namespace millrace::test
