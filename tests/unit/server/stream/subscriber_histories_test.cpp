// Subscribers in random histories, each from a seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "fed_subscriber.h"

namespace millrace::test {
namespace {

// The output takes some bytes at a time: what a client has at any moment leaves nothing out.
void run_partial_writes(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const auto form = WireForm{.coding = static_cast<WireCoding>(up_to(3)), .topic = up_to(1) == 1, .envelope = false};
  const bool wild = up_to(1) == 0;
  LoneHub hub(keeping(100'000));
  FedSubscriber one(hub, wild ? std::vector<std::string>{"a/*"} : std::vector<std::string>{"a/1", "a/2"}, form);
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
  FedSubscriber one(hub, {"steady"});
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
