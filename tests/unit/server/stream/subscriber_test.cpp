#include "stream/subscriber.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "lone_hub.h"
#include "scripted_outlet.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

TimePoint time_zero() {
  return TimePoint{};
}

Feed::Options keeping(std::size_t events) {
  return {.history_events = events, .history_bytes = 64 * 1024 * 1024, .epoch = "ep", .clock = time_zero};
}

// One subscriber of a hub, fed by it as by an event loop.
class Subscription final : public Feed::Sink {
 public:
  Subscription(LoneHub& hub, const std::vector<std::string>& patterns, WireForm form = {}, bool poll = false,
               CursorForm cursor = CursorForm::kEvent)
      : subscriber(hub, output,
                   {.filter = filter_for(patterns), .client = "", .form = form, .cursor = cursor, .poll = poll}),
        hub_(hub),
        form_(form) {
    hub_.attach(*this);
  }
  ~Subscription() { hub_.detach(*this); }

  void start(std::string_view last_event_id = {}, std::string_view preface = {}) {
    subscriber.start(hub_.resolve(last_event_id), last_event_id, preface, Duration{1'500});
  }

  void post(const FramePtr& frame) override {
    if (subscriber.filter().matches(*frame->topic)) posted_.push_back(frame);
    head_ = frame->sequence;
  }

  // What a turn of a loop does.
  void deliver() {
    const auto due = subscriber.due(posted_);
    if (!due.empty()) subscriber.wrote(due, output.write(due, 0, form_));
    posted_.clear();
    delivered_ = head_;
  }
  void heartbeat() { subscriber.heartbeat(delivered_); }
  // As a loop does, where `served` is what has been delivered.
  void listen_to(const std::vector<std::string>& patterns, const std::vector<std::string>& with_state) {
    subscriber.listen_to(filter_for(patterns), with_state.empty() ? nullptr : filter_for(with_state), delivered_);
    posted_.clear();
  }

  // The output takes everything from here on.
  void drain() {
    output.room = ScriptedOutlet::kUnlimited;
    do {
      output.yielded = false;
      subscriber.catch_up();
    } while (output.yielded);
    deliver();
  }

  StreamDecoder decoded() const {
    StreamDecoder decoder(is_chunked(form_), is_gzip(form_));
    decoder.feed(output.bytes);
    return decoder;
  }

  ScriptedOutlet output;
  Subscriber subscriber;

 private:
  LoneHub& hub_;
  const WireForm form_;
  std::vector<FramePtr> posted_;
  std::uint64_t head_ = 0;
  std::uint64_t delivered_ = 0;
};

std::vector<std::string> data_of(const StreamDecoder& decoder) {
  std::vector<std::string> result;
  for (const Received& event : decoder.events()) result.push_back(event.data);
  return result;
}

using Data = std::vector<std::string>;

TEST(Subscriber, BeginsWithTheHeadTheReconnectionTimeAndTheCursor) {
  LoneHub hub(keeping(10));
  hub.publish("a", {.data = "before"}).or_throw();
  Subscription one(hub, {"a"});
  one.start({}, "HEAD\r\n\r\n");
  EXPECT_EQ(one.output.bytes, "HEAD\r\n\r\n33\r\nevent: millrace.cursor\nid: ep-1\nretry: 1500\ndata:\n\n\r\n");
  EXPECT_TRUE(one.subscriber.is_live());
}

// The whole stream of one that gets the event "x", a heartbeat and its topic's end.
std::string stream_with(CursorForm form) {
  LoneHub hub(keeping(10));
  Subscription one(hub, {"a"}, WireForm{.coding = WireCoding::kPayload}, false, form);
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
  Subscription one(hub, {"a", "b"});
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
    Subscription one(hub, {"a"});
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
  Subscription one(hub, {"a", "b"}, WireForm{}, true);
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
  Subscription one(hub, {"a"});
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
  Subscription one(hub, {"a"});
  hub.publish("a", {.data = "1"}).or_throw();  // posted, but not yet delivered when it begins
  one.start("earliest");
  hub.publish("a", {.data = "2"}).or_throw();
  one.deliver();
  EXPECT_EQ(data_of(one.decoded()), (Data{"1", "2"}));
}

TEST(Subscriber, AnUnknownIdIsAnsweredWithAGapThatQuotesIt) {
  LoneHub hub(keeping(100));
  hub.publish("a", {.data = "1"}).or_throw();
  Subscription one(hub, {"a"});
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
  Subscription one(hub, {"a"});
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

TEST(Subscriber, IsToldWhatItMissedWhileItsOutputWasFull) {
  LoneHub hub(keeping(10));
  Subscription one(hub, {"a"});
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

TEST(Subscriber, IsToldOfAGapThatDoesNotFitEither) {
  LoneHub hub(keeping(3));
  Subscription one(hub, {"a"});
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
  Subscription one(hub, {"quiet"});
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
  Subscription one(hub, {"a"});
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
  Subscription one(hub, {"a"});
  for (int i = 0; i < 5; ++i) hub.publish("a", {.data = "x"}).or_throw();
  one.start("earliest");
  one.heartbeat();  // the loop has delivered nothing yet, but the log was read up to 5
  EXPECT_EQ(one.decoded().last_event_id(), "ep-5");
}

TEST(Subscriber, YieldsBetweenPagesOfALongLog) {
  LoneHub hub(keeping(10'000));
  for (int i = 1; i <= 5'000; ++i) hub.publish("a", {.data = std::to_string(i)}).or_throw();
  Subscription one(hub, {"a"});
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
  Subscription one(hub, patterns);
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

TEST(Subscriber, EndsBehindTheLastEventOfAFinishedTopic) {
  LoneHub hub(keeping(100));
  Subscription one(hub, {"a", "b"});
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
  Subscription finished(hub, {"a"});
  Subscription slow(hub, {"b"});
  for (Subscription* one : {&finished, &slow}) one->start();
  for (int i = 0; i < 100; ++i) hub.publish("other", {.data = "x"}).or_throw();
  hub.publish("a", {.data = "last"}).or_throw();
  hub.finish("a").or_throw();
  hub.publish("b", {.data = "y"}).or_throw();
  slow.output.room = 0;
  for (Subscription* one : {&finished, &slow}) one->deliver();
  slow.drain();
  EXPECT_EQ(data_of(finished.decoded()), (Data{"last"}));
  EXPECT_TRUE(finished.output.ended);
  EXPECT_EQ(data_of(slow.decoded()), (Data{"y"}));
}

TEST(Subscriber, EndsAFinishedTopicOnlyWhenItsOutputHasAllOfIt) {
  LoneHub hub(keeping(100));
  Subscription one(hub, {"a"});
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
  Subscription waiting(hub, {"a"}, WireForm{}, true);
  waiting.start();
  EXPECT_FALSE(waiting.output.ended);
  hub.publish("a", {.data = "1"}).or_throw();
  hub.publish("a", {.data = "2"}).or_throw();
  waiting.deliver();
  EXPECT_TRUE(waiting.output.ended);
  EXPECT_EQ(data_of(waiting.decoded()), (Data{"1", "2"}));

  Subscription resuming(hub, {"a"}, WireForm{}, true);
  resuming.start("ep-1");
  EXPECT_TRUE(resuming.output.ended);
  EXPECT_EQ(data_of(resuming.decoded()), (Data{"2"}));

  Subscription quiet(hub, {"a"}, WireForm{}, true);
  quiet.start();
  quiet.heartbeat();
  EXPECT_TRUE(quiet.output.ended);
}

// --- Any pattern of partial writes
// ------------------------------------------------------------------------------------

void run_partial_writes(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const auto form = WireForm{.coding = static_cast<WireCoding>(up_to(3)), .topic = up_to(1) == 1, .envelope = false};
  const bool wild = up_to(1) == 0;
  LoneHub hub(keeping(100'000));
  Subscription one(hub, wild ? std::vector<std::string>{"a/*"} : std::vector<std::string>{"a/1", "a/2"}, form);
  std::vector<std::string> expected;
  const auto publish = [&] {
    static constexpr Topic kTopics[] = {"a/1", "a/2", "b/1"};
    const Topic topic = kTopics[up_to(2)];
    const std::string data = std::to_string(expected.size()) + std::string(up_to(1) == 0 ? up_to(60) : up_to(600), 'x');
    hub.publish(topic, {.data = data}).or_throw();
    if (topic.view() != "b/1") expected.push_back(data);
  };
  for (std::size_t i = up_to(100); i > 0; --i) publish();
  const bool from_the_beginning = up_to(1) == 0;
  if (!from_the_beginning) expected.clear();
  const std::size_t most = 1 + up_to(300);
  one.output.room = up_to(most);
  one.start(from_the_beginning ? "earliest" : "");
  for (int step = 0; step < 300; ++step) {
    switch (up_to(4)) {
      case 0:
        for (std::size_t i = up_to(5); i > 0; --i) publish();
        break;
      case 1:
        one.deliver();
        break;
      case 2:
        one.heartbeat();
        break;
      default:
        one.output.room = up_to(most);
        one.subscriber.catch_up();
    }
    // What a client has at any time leaves nothing out, and its cursor does not run ahead.
    const StreamDecoder decoder = one.decoded();
    const auto data = data_of(decoder);
    ASSERT_LE(data.size(), expected.size()) << "seed " << seed;
    ASSERT_TRUE(std::equal(data.begin(), data.end(), expected.begin())) << "seed " << seed << ", step " << step;
    if (decoder.chunks() == 0 || decoder.last_event_id().empty()) continue;
    const auto page = hub.read_after(hub.resolve(decoder.last_event_id()).sequence, one.subscriber.filter());
    if (data.size() < expected.size()) {
      StreamDecoder next(false);
      ASSERT_FALSE(page.frames.empty()) << "seed " << seed << ", step " << step;
      next.feed(page.frames.front()->payload());
      ASSERT_EQ(data_of(next).front(), expected[data.size()]) << "seed " << seed << ", step " << step;
    }
  }
  one.drain();
  ASSERT_EQ(data_of(one.decoded()), expected) << "seed " << seed;
  one.output.bytes += one.subscriber.ending();
  ASSERT_EQ(data_of(one.decoded()), expected) << "seed " << seed << ", ended";
  ASSERT_EQ(one.decoded().ended(), is_chunked(form)) << "seed " << seed;
}

// Topics come and go while the output takes some bytes at a time: the topic that stays loses and repeats nothing, and
// of each that is added with its state, the first event is no older than its newest was then.
void run_changes(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return random() % (most + 1); };
  LoneHub hub(keeping(100'000));
  Subscription one(hub, {"steady"});
  std::size_t published = 0;
  std::size_t newest_other = 0;  // of the topic that comes and goes, counted
  std::vector<std::string> steady;
  const auto publish = [&] {
    if (up_to(1) == 0) {
      steady.push_back("s" + std::to_string(published++) + std::string(up_to(200), 'x'));
      hub.publish("steady", {.data = steady.back()}).or_throw();
    } else {
      hub.publish("other", {.data = std::to_string(++newest_other)}).or_throw();
    }
  };
  for (std::size_t i = up_to(20); i > 0; --i) publish();
  steady.clear();
  const std::size_t most = 1 + up_to(200);
  one.output.room = up_to(most);
  one.start();
  std::size_t at_least = 0;  // the newest of the other topic when it was added last
  std::size_t adds = 0;
  for (int step = 0; step < 200; ++step) {
    switch (up_to(4)) {
      case 0:
        for (std::size_t i = up_to(5); i > 0; --i) publish();
        break;
      case 1:
        one.deliver();
        break;
      case 2:
        one.heartbeat();
        break;
      case 3:
        one.output.room = up_to(most);
        one.subscriber.catch_up();
        break;
      default:
        if (up_to(3) != 0) break;
        const bool adds_now = one.subscriber.filter().patterns().size() == 1;
        if (adds_now) {
          at_least = newest_other;
          ++adds;
        }
        one.listen_to(adds_now ? std::vector<std::string>{"other", "steady"} : std::vector<std::string>{"steady"},
                      adds_now ? std::vector<std::string>{"other"} : std::vector<std::string>{});
    }
  }
  if (one.subscriber.filter().patterns().size() == 1) {
    at_least = newest_other;
    ++adds;
    one.listen_to({"other", "steady"}, {"other"});
  }
  one.drain();
  publish();
  one.deliver();
  one.drain();
  std::vector<std::string> got;
  std::size_t last_other = 0;
  const StreamDecoder decoder = one.decoded();
  for (const Received& event : decoder.events()) {
    ASSERT_EQ(event.type, "message") << "seed " << seed << ": " << event.data;
    if (event.data[0] == 's') {
      got.push_back(event.data);
    } else {
      last_other = std::stoul(event.data);
    }
  }
  ASSERT_EQ(got, steady) << "seed " << seed;
  ASSERT_EQ(last_other, newest_other) << "seed " << seed << ", added with " << at_least << ", the " << adds
                                      << "th time";
  ASSERT_EQ(hub.resolve(decoder.last_event_id()).sequence, hub.resolve("").sequence) << "seed " << seed;
}

TEST(Subscriber, KeepsItsPlaceWhileItsTopicsChange) {
  for (std::uint32_t seed = 1; seed <= 200 && !::testing::Test::HasFatalFailure(); ++seed) run_changes(seed);
}

TEST(Subscriber, GetsEveryEventOnceAndInOrderHoweverItsOutputTakesThem) {
  for (std::uint32_t seed = 1; seed <= 60 && !::testing::Test::HasFatalFailure(); ++seed) run_partial_writes(seed);
}

}  // namespace
}  // namespace millrace::test
