#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "log/event_log.h"
#include "log/frame.h"
#include "lone_hub.h"
#include "scripted_outlet.h"

namespace millrace::test {
namespace {

TimePoint time_zero() {
  return TimePoint{};
}

Feed::Options keeping(std::size_t events) {
  return {.history_events = events, .history_bytes = 1024 * 1024, .epoch = "ep", .clock = time_zero};
}

using Reason = Hub::Refusal::Reason;

void expect_refusal(const std::optional<Hub::Refusal>& refusal, const std::string& field, Reason reason) {
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, reason) << refusal->sentence;
  EXPECT_TRUE(refusal->sentence.starts_with(field)) << refusal->sentence;
}

void expect_refused(const Published& published, const std::string& field) {
  EXPECT_EQ(published.outcome, Published::Outcome::kRefused);
  EXPECT_FALSE(published);
  EXPECT_TRUE(published.id.empty()) << published.id;
  EXPECT_TRUE(published.sentence.starts_with(field)) << published.sentence;
  EXPECT_THROW(published.or_throw(), std::invalid_argument);
}

class FrameQueue final : public Feed::Sink {
 public:
  void post(const FramePtr& frame) override { frames.push_back(frame); }
  std::vector<FramePtr> frames;
};

TEST(Hub, GivesIdsOfItsEpochInOrder) {
  LoneHub hub(keeping(10));
  EXPECT_EQ(hub.publish("a", {.data = "x"}).id, "ep-1");
  EXPECT_EQ(hub.publish("b", {.data = "x"}).id, "ep-2");
  EXPECT_EQ(hub.publish("a", {.data = "x", .id = "mine"}).id, "mine");
  EXPECT_EQ(hub.publish("a", {.data = "x"}).id, "ep-4");
}

// As a file or a stream may have it that somebody else has written to.
TEST(Hub, IsNotMadeOfALogWhoseEpochMakesNoIds) {
  for (const std::string& epoch : {std::string("a\nb"), std::string("a\0b", 3), std::string(240, 'e')}) {
    Feed::Options options = keeping(10);
    options.epoch = epoch;
    EXPECT_THROW(LoneHub{options}, StoreUnavailable) << epoch.size();
  }
}

TEST(Hub, HandsEveryEventToEverySinkInOrder) {
  LoneHub hub(keeping(10));
  FrameQueue one;
  FrameQueue two;
  hub.attach(one);
  hub.publish("a", {.data = "1"}).or_throw();
  hub.attach(two);
  hub.publish("a", {.data = "2"}).or_throw();
  hub.detach(one);
  hub.publish("a", {.data = "3"}).or_throw();
  hub.detach(two);
  hub.publish("a", {.data = "4"}).or_throw();
  ASSERT_EQ(one.frames.size(), 2u);
  EXPECT_EQ(one.frames[1]->payload(), "id: ep-2\ndata: 2\n\n");
  ASSERT_EQ(two.frames.size(), 2u);
  EXPECT_EQ(two.frames[0], one.frames[1]) << "encoded once";
}

TEST(Hub, PublishingAnIdAgainChangesNothing) {
  LoneHub hub(keeping(3));
  FrameQueue sink;
  hub.attach(sink);
  EXPECT_FALSE(hub.publish("a", {.data = "first", .id = "7"}).is_repeated());
  const Published again = hub.publish("a", {.data = "second", .id = "7"});
  EXPECT_TRUE(again.is_repeated());
  EXPECT_EQ(again.id, "7");
  EXPECT_EQ(sink.frames.size(), 1u);
  for (int i = 0; i < 3; ++i) hub.publish("a", {.data = "x"}).or_throw();
  EXPECT_FALSE(hub.publish("a", {.data = "third", .id = "7"}).is_repeated()) << "the log has let go of the first";
  EXPECT_EQ(sink.frames.size(), 5u);
  hub.detach(sink);
}

TEST(Hub, PublishesFromManyThreadsInOneOrder) {
  LoneHub hub(keeping(100'000));
  FrameQueue sink;
  hub.attach(sink);
  std::vector<std::thread> publishers;
  std::atomic<int> repeated = 0;
  for (int t = 0; t < 4; ++t) {
    publishers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        hub.publish("a", {.data = "x"}).or_throw();
        const std::string id = "id" + std::to_string(i);
        if (hub.publish("a", {.data = "x", .id = *EventId::parse(id)}).is_repeated()) ++repeated;
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_EQ(repeated, 3 * 500);
  ASSERT_EQ(sink.frames.size(), 2'500u);
  for (std::size_t i = 0; i < sink.frames.size(); ++i) ASSERT_EQ(sink.frames[i]->sequence, i + 1);
  hub.detach(sink);
}

// The log is not locked while a page is matched, and moves on meanwhile.
TEST(Hub, ReadsForPatternsMissNothingWhileOthersPublishAndTheLogLetsGo) {
  constexpr std::uint64_t kEvents = 30'000;
  LoneHub hub(
      {.history_events = 300, .history_bytes = 64 * 1024 * 1024, .epoch = "ep", .clock = [] { return TimePoint{}; }});
  std::thread publisher([&] {
    for (std::uint64_t i = 1; i <= kEvents; ++i)
      hub.publish("a/" + std::to_string(i % 7), {.data = std::to_string(i)}).or_throw();
  });
  const auto filter = filter_for({"*/1", "*/2", "*/3", "*/4", "*/5", "*/6", "*/0"});
  std::uint64_t cursor = 0;
  std::uint64_t told = 0;  // of those that had gone
  while (cursor < kEvents) {
    const Feed::Page page = hub.read_after(cursor, *filter);
    if (page.expired) {
      ASSERT_GT(page.through, cursor);
      told += page.through - cursor;
      cursor = page.through;
      continue;
    }
    for (const FramePtr& frame : page.frames) ASSERT_EQ(frame->sequence, ++cursor);
    ASSERT_EQ(page.through, cursor);
  }
  publisher.join();
  EXPECT_EQ(cursor, kEvents);
  EXPECT_LT(told, kEvents);
  EXPECT_TRUE(hub.read_after(cursor, *filter).at_head);
}

TEST(Hub, TakesTopicsThatAreMadeAtRunTime) {
  LoneHub hub(
      {.history_events = 300, .history_bytes = 64 * 1024 * 1024, .epoch = "ep", .clock = [] { return TimePoint{}; }});
  const std::string id = "seventeen, which does not fit into a short string";
  EXPECT_EQ(hub.publish("orders/" + id, {.data = "x"}).id, "ep-1");
  const auto page = hub.read_after(0, *filter_for({"orders/**"}));
  ASSERT_EQ(page.frames.size(), 1u);
  EXPECT_EQ(page.frames[0]->topic_text(), "orders/" + id);
  expect_refused(hub.publish("orders/" + id + "/*", {.data = "x"}), "topic:");
  expect_refused(hub.finish(id + "\n"), "topic:");
  expect_refused(hub.begin(std::string()), "topic:");
}

TEST(Hub, RefusesWhatMillraceKeepsForItself) {
  LoneHub hub(keeping(10));
  const auto refused = [&](const Event& event, const char* field, Reason reason) {
    expect_refusal(hub.refusal("a", event), field, reason);
    expect_refused(hub.publish("a", event), field);
  };
  refused({.data = "x", .id = "earliest"}, "id:", Reason::kReservedId);
  refused({.data = "x", .id = "millrace.x"}, "id:", Reason::kReservedId);
  refused({.data = "x", .id = "ep-1"}, "id:", Reason::kIdOfALog);
  refused({.data = "x", .id = "ep-anything"}, "id:", Reason::kIdOfALog);
  refused({.type = "millrace.gap", .data = "x"}, "event:", Reason::kReservedType);
  const std::string huge(1024 * 1024 + 1, 'x');
  refused({.data = huge}, "data:", Reason::kTooLarge);
  EXPECT_FALSE(hub.refusal("a", {.type = "millrace", .data = "x", .id = "ep"}));
  EXPECT_FALSE(hub.refusal("a/millrace.b", {.type = "earliest", .data = "x", .id = "Earliest"}));
  for (const auto& topic : {Topic("millrace.presence"), Topic("millrace.x/y")}) {
    expect_refusal(Hub::refusal(topic), "topic:", Reason::kReservedTopic);
    expect_refused(hub.publish(topic, {.data = "x"}), "topic:");
    expect_refused(hub.finish(topic), "topic:");
    expect_refused(hub.begin(topic), "topic:");
  }
  EXPECT_EQ(hub.publish("a", {.data = "x"}).id, "ep-1") << "nothing of it was published";
}

// Clients may still have them from a log in memory that ended with its program; where the event with such an ID stood
// for their place, they would miss what is before it and not be told. Those of a store's log are that log's for good.
TEST(Hub, RefusesIdsOfTheFormThatLogsInMemoryGive) {
  const std::string former = memory_epoch("abcdefgh");
  LoneHub hub(
      {.history_events = 10, .history_bytes = 1024 * 1024, .epoch = memory_epoch("12345678"), .clock = time_zero});
  for (const std::string& id : {former + "-1", former + "-18446744073709551616", memory_epoch("12345678") + "-3"}) {
    expect_refusal(hub.refusal("a", {.data = "x", .id = *EventId::parse(id)}), "id:", Reason::kIdOfALog);
  }
  const std::string mirrored = store_epoch("abcdefgh") + "-17";
  for (const std::string& id : {mirrored, std::string("upstream:") + former + "-1", former, former + "-", former + "-x",
                                former + "-1x", "x" + former + "-1", "M" + former.substr(1) + "-1"}) {
    EXPECT_FALSE(hub.refusal("a", {.data = "x", .id = *EventId::parse(id)})) << id;
  }
  hub.publish("a", {.data = "x", .id = *EventId::parse(mirrored)}).or_throw();
  const auto filter = filter_for({"a"});
  EXPECT_EQ(hub.resolve(mirrored, filter.get()).sequence, 1u) << "it is resumed from";
  EXPECT_EQ(hub.resolve(former + "-1", filter.get()).gap_reason, "unknown");
}

TEST(Hub, RefusesIdsThatNoHeaderBringsBack) {
  LoneHub hub(keeping(10));
  for (const std::string_view id : {" a", "a ", "\ta", "a\t", "a\x01z", "a\x7fz", "\xff", "\xc3", "a\xed\xa0\x80"}) {
    expect_refusal(hub.refusal("a", {.data = "x", .id = *EventId::parse(id)}), "id:", Reason::kUnreturnableId);
    expect_refused(hub.publish("a", {.data = "x", .id = *EventId::parse(id)}), "id:");
  }
  for (const std::string_view id : {"a b", "a\tb", "\xc3\xa9", "50%25",
                                    "\xe6\xb6\x88\xe6\x81\xaf"
                                    "1"}) {
    EXPECT_FALSE(hub.refusal("a", {.data = "x", .id = *EventId::parse(id)})) << id;
  }
}

// --- Where a client begins ------------------------------------------------------------------------------------------

class Resolving : public ::testing::Test {
 protected:
  // The log holds 6 to 10; 4 and 8 had IDs of their publisher's.
  Resolving() {
    for (int i = 1; i <= 10; ++i) {
      hub_.publish("a", {.data = "x",
                         .id = i == 8   ? EventId("eight")
                               : i == 4 ? EventId("four")
                                        : EventId()})
          .or_throw();
    }
  }

  void expect(std::string_view last_event_id, std::uint64_t sequence, std::string_view gap_reason) const {
    const auto filter = filter_for({"*"});
    const Feed::Cursor cursor = hub_.resolve(last_event_id, filter.get());
    EXPECT_EQ(cursor.sequence, sequence) << last_event_id;
    EXPECT_EQ(cursor.gap_reason, gap_reason) << last_event_id;
  }

  LoneHub hub_{keeping(5)};
};

TEST_F(Resolving, WithoutAnIdBeginsAtTheHead) {
  expect("", 10, "");
}

TEST_F(Resolving, EarliestIsAllThereIs) {
  expect("earliest", 5, "");
}

TEST_F(Resolving, AnIdOfThisLogResumesAfterIt) {
  expect("ep-7", 7, "");
  expect("ep-10", 10, "");
  expect("ep-6", 6, "");
  expect("ep-5", 5, "");  // not here any more, but nothing behind it is missing
}

TEST_F(Resolving, AnIdThatWasEvictedIsExpired) {
  expect("ep-4", 5, "expired");
  expect("ep-0", 5, "expired");
}

TEST_F(Resolving, APublishersIdResumesAfterIt) {
  expect("eight", 8, "");
}

TEST_F(Resolving, IdsThisLogCannotPlaceAreUnknown) {
  for (const char* id : {"ep-11", "ep-99999999999999999999", "ep-", "ep-x", "ep-7x", "ep--7", "ep-+7", "ep", "eq-7",
                         "EP-7", "other-7", "four", "nine", " ", "\xff\xfe"}) {
    expect(id, 5, "unknown");
  }
}

TEST(Hub, AnEmptyLogIsResolvedToItsHead) {
  const LoneHub hub(keeping(5));
  EXPECT_EQ(hub.resolve("").sequence, 0u);
  EXPECT_EQ(hub.resolve("earliest").sequence, 0u);
  EXPECT_EQ(hub.resolve("earliest").gap_reason, "");
  EXPECT_EQ(hub.resolve("ep-0").gap_reason, "");
  EXPECT_EQ(hub.resolve("ep-1").gap_reason, "unknown");
}

// --- Finished topics ------------------------------------------------------------------------------------------------

TEST(Hub, AFinishedTopicIsOverForAClientThatHasAllOfIt) {
  LoneHub hub(keeping(10));
  const auto a = filter_for({"a"});
  hub.publish("a", {.data = "x"}).or_throw();
  EXPECT_FALSE(hub.is_over(hub.resolve("ep-1"), *a));
  hub.finish("a").or_throw();
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-1"), *a)) << "it has the last event";
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-2"), *a)) << "it has seen the end";
  EXPECT_FALSE(hub.is_over(hub.resolve("earliest"), *a)) << "an event is missing";
  EXPECT_FALSE(hub.is_over(hub.resolve("other-1"), *a)) << "nobody knows what it has";
  EXPECT_FALSE(hub.is_over(hub.resolve("ep-2"), *filter_for({"a", "b"})));
  EXPECT_FALSE(hub.is_over(hub.resolve("ep-2"), *filter_for({"*"})));
  hub.publish("a", {.data = "anew"}).or_throw();
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-2"), *a)) << "it was told of the end, and is told again";
  EXPECT_FALSE(hub.is_over(hub.resolve(""), *a)) << "who comes now is in time";
}

}  // namespace
}  // namespace millrace::test
