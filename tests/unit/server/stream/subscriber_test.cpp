#include "stream/subscriber.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fed_subscriber.h"
#include "log/event_log.h"

namespace millrace::test {
namespace {

TEST(Subscriber, BeginsWithTheHeadTheReconnectionTimeAndTheCursor) {
  LoneHub hub(keeping(10));
  hub.publish("a", {.data = "before"}).or_throw();
  FedSubscriber one(hub, {"a"});
  one.start({}, "HEAD\r\n\r\n");
  EXPECT_EQ(one.output.bytes, "HEAD\r\n\r\n33\r\nevent: millrace.cursor\nid: ep-1\nretry: 1500\ndata:\n\n\r\n");
  EXPECT_TRUE(one.subscriber.is_live());
}

// The whole stream of one that gets the event "x", a heartbeat and its topic's end.
std::string stream_with(CursorForm form) {
  LoneHub hub(keeping(10));
  FedSubscriber one(hub, {"a"}, WireForm{.coding = WireCoding::kPayload}, false, form);
  one.start({}, "HEAD\r\n\r\n");
  hub.publish("a", {.data = "x"}).or_throw();
  one.deliver();
  one.heartbeat();
  hub.finish("a").or_throw();
  one.deliver();
  EXPECT_TRUE(one.output.ended);
  return one.output.bytes;
}

TEST(Subscriber, HasItsCursorInBlocksWithoutData) {
  EXPECT_EQ(stream_with(CursorForm::kId),
            "HEAD\r\n\r\nretry: 1500\nid: ep-0\n\nid: ep-1\ndata: x\n\nid: ep-1\n\nid: ep-2\n\n");
}

TEST(Subscriber, HasItsCursorInEventsWithEmptyData) {
  EXPECT_EQ(stream_with(CursorForm::kEvent),
            "HEAD\r\n\r\nevent: millrace.cursor\nid: ep-0\nretry: 1500\ndata:\n\nid: ep-1\ndata: x\n\n"
            "event: millrace.cursor\nid: ep-1\ndata:\n\nevent: millrace.cursor\nid: ep-2\ndata:\n\n");
}

// No empty line but behind an event: some clients make an event of each, once there has been an ID or a retry.
TEST(Subscriber, WantsNoCursorAndGetsNoBlockThatIsNoEvent) {
  EXPECT_EQ(stream_with(CursorForm::kNone), "HEAD\r\n\r\nretry: 1500\nid: ep-1\ndata: x\n\n:\n:\n");
}

TEST(Subscriber, IsSentNoMarksAndNoEndThatIsNotItsOwn) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a", "b"});
  one.start();
  hub.publish("a", {.data = "1"}).or_throw();
  hub.finish("a").or_throw();
  hub.begin("a").or_throw();
  hub.publish("b", {.data = "2"}).or_throw();
  one.deliver();
  EXPECT_EQ(one.decoded().events(), (std::vector<Received>{{.data = "1", .id = "ep-1"}, {.data = "2", .id = "ep-4"}}));
  EXPECT_EQ(one.decoded().cursors(), 1u) << "the first block's";
  EXPECT_FALSE(one.output.ended);
}

TEST(Subscriber, SaysWhereTheEndIsOnceThoughTheOutputIsFull) {
  for (std::size_t room = 0; room < 60; ++room) {
    LoneHub hub(keeping(100));
    FedSubscriber one(hub, {"a"});
    one.start();
    one.output.room = room;
    hub.finish("a").or_throw();
    one.deliver();
    one.drain();
    ASSERT_TRUE(one.output.ended) << room;
    ASSERT_EQ(one.decoded().cursors(), 2u) << room;
    ASSERT_EQ(one.decoded().last_event_id(), "ep-1") << room;
  }
}

TEST(Subscriber, APollIsNotOverForACursorOrAMark) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a", "b"}, WireForm{}, true);
  one.start();
  hub.finish("a").or_throw();
  one.deliver();
  EXPECT_FALSE(one.output.ended);
  hub.publish("b", {.data = "1"}).or_throw();
  one.deliver();
  EXPECT_TRUE(one.output.ended);
}

TEST(Subscriber, GetsWhatItMissedAndThenWhatComes) {
  LoneHub hub(keeping(1'000));
  for (int i = 1; i <= 300; ++i) hub.publish("a", {.data = std::to_string(i)}).or_throw();
  FedSubscriber one(hub, {"a"});
  one.start("ep-200");
  one.drain();
  hub.publish("a", {.data = "301"}).or_throw();
  one.deliver();
  const StreamDecoder decoder = one.decoded();
  ASSERT_EQ(decoder.events().size(), 101u);
  for (int i = 0; i <= 100; ++i) {
    EXPECT_EQ(decoder.events()[i], (Received{.data = std::to_string(201 + i), .id = "ep-" + std::to_string(201 + i)}));
  }
}

TEST(Subscriber, IsNotHandedTwiceWhatItReadFromTheLog) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a"});
  hub.publish("a", {.data = "1"}).or_throw();  // posted, but not yet delivered when it begins
  one.start("earliest");
  hub.publish("a", {.data = "2"}).or_throw();
  one.deliver();
  EXPECT_EQ(data_of(one.decoded()), (Data{"1", "2"}));
}

TEST(Subscriber, AnUnknownIdIsAnsweredWithAGapThatQuotesIt) {
  LoneHub hub(keeping(100));
  hub.publish("a", {.data = "1"}).or_throw();
  FedSubscriber one(hub, {"a"});
  one.start("some\"thing\xff");
  const StreamDecoder decoder = one.decoded();
  ASSERT_EQ(decoder.events().size(), 2u);
  EXPECT_EQ(decoder.events()[0].type, "millrace.gap");
  const auto gap = nlohmann::json::parse(decoder.events()[0].data);
  EXPECT_EQ(gap["reason"], "unknown");
  EXPECT_EQ(gap["lastEventId"], "some\"thing\xef\xbf\xbd");
  EXPECT_EQ(decoder.events()[1].data, "1");
}

TEST(Subscriber, HoldsNothingWhileItsOutputIsFullAndLosesNothing) {
  LoneHub hub(keeping(10'000));
  FedSubscriber one(hub, {"a"});
  one.start();
  one.output.room = 10;
  for (int i = 1; i <= 2'000; ++i) {
    hub.publish("a", {.data = std::to_string(i)}).or_throw();
    one.deliver();
  }
  EXPECT_FALSE(one.subscriber.is_live());
  one.drain();
  EXPECT_TRUE(one.subscriber.is_live());
  const StreamDecoder decoder = one.decoded();
  ASSERT_EQ(decoder.events().size(), 2'000u);
  for (int i = 0; i < 2'000; ++i) ASSERT_EQ(decoder.events()[i].data, std::to_string(i + 1));
}

TEST(Subscriber, GetsAGapForWhatItMissedWhileItsOutputWasFull) {
  LoneHub hub(keeping(10));
  FedSubscriber one(hub, {"a"});
  one.start();
  hub.publish("a", {.data = "1"}).or_throw();
  one.deliver();
  one.output.room = 5;  // the second event is cut in the middle
  for (int i = 2; i <= 50; ++i) {
    hub.publish("a", {.data = std::to_string(i)}).or_throw();
    one.deliver();
  }
  one.drain();
  const StreamDecoder decoder = one.decoded();
  ASSERT_EQ(decoder.events().size(), 13u);
  EXPECT_EQ(decoder.events()[1].data, "2") << "what was begun is ended";
  EXPECT_EQ(decoder.events()[2].type, "millrace.gap");
  EXPECT_EQ(nlohmann::json::parse(decoder.events()[2].data),
            (nlohmann::json{{"lastEventId", "ep-2"}, {"reason", "expired"}}));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(decoder.events()[3 + i].data, std::to_string(41 + i));
}

TEST(Subscriber, GetsAGapThatDoesNotFitEither) {
  LoneHub hub(keeping(3));
  FedSubscriber one(hub, {"a"});
  one.start();
  one.output.room = 0;
  for (int i = 1; i <= 10; ++i) hub.publish("a", {.data = std::to_string(i)}).or_throw();
  one.deliver();
  while (!one.subscriber.is_live()) {
    one.output.room = 1;
    one.subscriber.catch_up();
  }
  const Data data = data_of(one.decoded());
  ASSERT_EQ(data.size(), 4u);
  EXPECT_EQ(nlohmann::json::parse(data[0])["lastEventId"], "ep-0");
  EXPECT_EQ((Data{data[1], data[2], data[3]}), (Data{"8", "9", "10"}));
}

TEST(Subscriber, AHeartbeatCarriesTheCursorPastTheOthersTraffic) {
  LoneHub hub(keeping(10));
  FedSubscriber one(hub, {"quiet"});
  one.start();
  for (int i = 0; i < 7; ++i) hub.publish("noisy", {.data = "x"}).or_throw();
  one.deliver();
  one.heartbeat();
  const StreamDecoder decoder = one.decoded();
  EXPECT_TRUE(decoder.events().empty());
  EXPECT_EQ(decoder.last_event_id(), "ep-7");
}

TEST(Subscriber, AHeartbeatDoesNotRunAheadOfWhatWasDelivered) {
  LoneHub hub(keeping(10));
  FedSubscriber one(hub, {"a"});
  one.start();
  hub.publish("a", {.data = "1"}).or_throw();
  one.deliver();
  hub.publish("a", {.data = "2"}).or_throw();  // published, but still on its way
  one.heartbeat();
  EXPECT_EQ(one.decoded().last_event_id(), "ep-1");
  one.deliver();
  EXPECT_EQ(data_of(one.decoded()), (Data{"1", "2"}));
}

TEST(Subscriber, AHeartbeatDoesNotTurnBackACursorThatIsAhead) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a"});
  for (int i = 0; i < 5; ++i) hub.publish("a", {.data = "x"}).or_throw();
  one.start("earliest");
  one.heartbeat();  // the loop has delivered nothing yet, but the log was read up to 5
  EXPECT_EQ(one.decoded().last_event_id(), "ep-5");
}

TEST(Subscriber, YieldsBetweenPagesOfALongLog) {
  LoneHub hub(keeping(10'000));
  for (int i = 1; i <= 5'000; ++i) hub.publish("a", {.data = std::to_string(i)}).or_throw();
  FedSubscriber one(hub, {"a"});
  one.start("earliest");
  EXPECT_TRUE(one.output.yielded);
  EXPECT_FALSE(one.subscriber.is_live());
  EXPECT_LT(one.decoded().events().size(), 1'000u);
  one.drain();
  EXPECT_EQ(one.decoded().events().size(), 5'000u);
}

// What a turn may cost is counted in steps of matching, not in events or pages.
TEST(Subscriber, YieldsAfterABoundedAmountOfMatching) {
  LoneHub hub(keeping(100'000));
  for (int i = 0; i < 50'000; ++i) hub.publish("a/b/c", {.data = ""}).or_throw();
  std::vector<std::string> patterns;
  for (int i = 0; i < 64; ++i) patterns.push_back((i % 2 == 0 ? "*/b/z" : "a/*/z") + std::to_string(i));
  FedSubscriber one(hub, patterns);
  one.start("earliest");
  std::uint64_t turns = 1;
  while (!one.subscriber.is_live()) {
    ASSERT_TRUE(one.output.yielded);
    ASSERT_LE(one.subscriber.cursor(), turns * kReadWorkPerTurn) << "an event is a step at least";
    one.output.yielded = false;
    one.subscriber.catch_up();
    ++turns;
  }
  EXPECT_GT(turns, 20u) << "each event takes several steps";
  hub.publish("a/b/z1", {.data = "1"}).or_throw();
  one.deliver();
  EXPECT_EQ(data_of(one.decoded()), Data{"1"});
}

TEST(Subscriber, EndsAfterTheLastEventOfAFinishedTopic) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a", "b"});
  one.start();
  hub.publish("a", {.data = "1"}).or_throw();
  hub.finish("a").or_throw();
  one.deliver();
  EXPECT_FALSE(one.output.ended) << "b goes on";
  hub.publish("b", {.data = "2"}).or_throw();
  hub.finish("b").or_throw();
  one.deliver();
  EXPECT_TRUE(one.output.ended);
  EXPECT_EQ(data_of(one.decoded()), (Data{"1", "2"}));
  EXPECT_EQ(one.decoded().last_event_id(), "ep-4");
  const std::size_t size = one.output.bytes.size();
  hub.publish("a", {.data = "anew"}).or_throw();
  one.deliver();
  one.heartbeat();
  one.subscriber.catch_up();
  EXPECT_EQ(one.output.bytes.size(), size) << "an ended stream gets nothing more";
}

TEST(Subscriber, OthersTrafficThatTheLogHasLetGoIsNoGapToALiveOne) {
  LoneHub hub(keeping(4));
  FedSubscriber finished(hub, {"a"});
  FedSubscriber slow(hub, {"b"});
  for (FedSubscriber* one : {&finished, &slow}) one->start();
  for (int i = 0; i < 100; ++i) hub.publish("other", {.data = "x"}).or_throw();
  hub.publish("a", {.data = "last"}).or_throw();
  hub.finish("a").or_throw();
  hub.publish("b", {.data = "y"}).or_throw();
  slow.output.room = 0;
  for (FedSubscriber* one : {&finished, &slow}) one->deliver();
  slow.drain();
  EXPECT_EQ(data_of(finished.decoded()), (Data{"last"}));
  EXPECT_TRUE(finished.output.ended);
  EXPECT_EQ(data_of(slow.decoded()), (Data{"y"}));
}

TEST(Subscriber, EndsAFinishedTopicOnlyWhenItsOutputHasAllOfIt) {
  LoneHub hub(keeping(100));
  FedSubscriber one(hub, {"a"});
  one.start();
  one.output.room = 3;
  hub.publish("a", {.data = "1"}).or_throw();
  hub.finish("a").or_throw();
  one.deliver();
  EXPECT_FALSE(one.output.ended);
  one.drain();
  EXPECT_TRUE(one.output.ended);
  EXPECT_EQ(data_of(one.decoded()), (Data{"1"}));
}

TEST(Subscriber, APollEndsOnceItHasCarriedSomething) {
  LoneHub hub(keeping(100));
  FedSubscriber waiting(hub, {"a"}, WireForm{}, true);
  waiting.start();
  EXPECT_FALSE(waiting.output.ended);
  hub.publish("a", {.data = "1"}).or_throw();
  hub.publish("a", {.data = "2"}).or_throw();
  waiting.deliver();
  EXPECT_TRUE(waiting.output.ended);
  EXPECT_EQ(data_of(waiting.decoded()), (Data{"1", "2"}));

  FedSubscriber resuming(hub, {"a"}, WireForm{}, true);
  resuming.start("ep-1");
  EXPECT_TRUE(resuming.output.ended);
  EXPECT_EQ(data_of(resuming.decoded()), (Data{"2"}));

  FedSubscriber quiet(hub, {"a"}, WireForm{}, true);
  quiet.start();
  quiet.heartbeat();
  EXPECT_TRUE(quiet.output.ended);
}

}  // namespace
}  // namespace millrace::test
