#include "stream/subscriber_table.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lone_hub.h"
#include "scripted_outlet.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

TimePoint time_zero() {
  return TimePoint{};
}

class SubscriberTableTest : public ::testing::Test, private Feed::Sink, protected DeliveryWriter {
 protected:
  struct Member {
    Member(SubscriberTableTest& test, const std::vector<std::string>& patterns)
        : subscriber(test.hub_, output, {.filter = test.table_.shared(filter_for(patterns)), .client = ""}) {
      test.table_.add(subscriber);
      subscriber.start(test.hub_.resolve(""), "", "", Duration{1});
    }

    std::vector<std::string> received() const {
      StreamDecoder decoder;
      decoder.feed(output.bytes);
      std::vector<std::string> data;
      for (const Received& event : decoder.events()) data.push_back(event.data);
      return data;
    }

    ScriptedOutlet output;
    Subscriber subscriber;
  };

  SubscriberTableTest()
      : hub_({.history_events = 1'000, .history_bytes = 1024 * 1024, .epoch = "ep", .clock = time_zero}) {
    hub_.attach(*this);
  }
  ~SubscriberTableTest() override { hub_.detach(*this); }

  std::unique_ptr<Member> subscribe(const std::vector<std::string>& patterns) {
    return std::make_unique<Member>(*this, patterns);
  }
  void publish(const std::string& topic, const std::string& data) {
    hub_.publish(*Topic::parse(topic), {.data = data}).or_throw();
  }
  void deliver() {
    post();
    while (table_.has_more()) table_.serve(2, *this);
  }
  void post() {
    table_.post(posted_);
    posted_.clear();
  }

  LoneHub hub_;
  SubscriberTable table_;

 private:
  void post(const FramePtr& frame) override { posted_.push_back(frame); }
  void write(std::span<Delivery> deliveries) override {
    EXPECT_LE(deliveries.size(), 2u);
    for (Delivery& delivery : deliveries) {
      Subscriber& subscriber = *delivery.subscriber;
      std::string chunks;
      for (const FramePtr& frame : delivery.frames) chunks += frame->chunk();
      EXPECT_TRUE(delivery.chunks.empty() || delivery.chunks == chunks);
      delivery.written = subscriber.outlet().write(delivery.frames, 0, subscriber.form());
      ++writes_;
    }
  }
  void on_served(const Frame&) override { ++rounds_; }

  std::vector<FramePtr> posted_;

 protected:
  int writes_ = 0;
  int rounds_ = 0;
};

using Data = std::vector<std::string>;

TEST_F(SubscriberTableTest, EachGetsWhatItListensToOnceAndInOrder) {
  const auto literal = subscribe({"a"});
  const auto several = subscribe({"a", "b", "a"});
  const auto wild = subscribe({"*"});
  const auto overlapping = subscribe({"*", "a", "**"});
  const auto other = subscribe({"a/b"});
  publish("a", "1");
  publish("b", "2");
  publish("a", "3");
  publish("a/b", "4");
  deliver();
  EXPECT_EQ(literal->received(), (Data{"1", "3"}));
  EXPECT_EQ(several->received(), (Data{"1", "2", "3"}));
  EXPECT_EQ(wild->received(), (Data{"1", "2", "3"}));
  EXPECT_EQ(overlapping->received(), (Data{"1", "2", "3", "4"}));
  EXPECT_EQ(other->received(), (Data{"4"}));
}

TEST_F(SubscriberTableTest, AnEventOfSeveralTopicsReachesEachOnce) {
  const auto literal = subscribe({"b"});
  const auto several = subscribe({"a", "b", "c"});
  const auto wild = subscribe({"*", "*/*", "**"});
  const auto other = subscribe({"d"});
  const std::vector<Topic> topics{"a", "b", "x/y"};
  hub_.publish(topics, {.data = "1"}).or_throw();
  publish("b", "2");
  deliver();
  EXPECT_EQ(literal->received(), (Data{"1", "2"}));
  EXPECT_EQ(several->received(), (Data{"1", "2"}));
  EXPECT_EQ(wild->received(), (Data{"1", "2"}));
  EXPECT_EQ(other->received(), Data());
}

TEST_F(SubscriberTableTest, SubscribersWithEqualFiltersShareOne) {
  const auto one = subscribe({"a", "b"});
  const auto two = subscribe({"b", "a", "b"});
  const auto three = subscribe({"a"});
  EXPECT_EQ(&one->subscriber.filter(), &two->subscriber.filter());
  EXPECT_NE(&one->subscriber.filter(), &three->subscriber.filter());
  EXPECT_EQ(table_.size(), 3u);
}

TEST_F(SubscriberTableTest, ASubscriberThatHasGoneGetsNothingAndTheOthersDo) {
  std::vector<std::unique_ptr<Member>> members;
  for (int i = 0; i < 5; ++i) members.push_back(subscribe({"a"}));
  auto wild = subscribe({"**"});
  for (const std::size_t gone : {0u, 4u, 2u}) table_.remove(members[gone]->subscriber);
  table_.remove(wild->subscriber);
  EXPECT_EQ(table_.size(), 2u);
  publish("a", "1");
  deliver();
  for (std::size_t i = 0; i < members.size(); ++i) {
    EXPECT_EQ(members[i]->received(), i == 1 || i == 3 ? Data{"1"} : Data{}) << i;
  }
  EXPECT_EQ(wild->received(), Data{});
  table_.remove(members[1]->subscriber);
  table_.remove(members[3]->subscriber);
  EXPECT_EQ(table_.size(), 0u);
  publish("a", "2");
  deliver();
  const auto late = subscribe({"a"});
  publish("a", "3");
  deliver();
  EXPECT_EQ(late->received(), Data{"3"});
}

TEST_F(SubscriberTableTest, ASubscriberThatGoesWhenTheOthersHaveBeenServedTakesNoneAlong) {
  const auto first = subscribe({"a"});
  const auto second = subscribe({"a"});
  const auto third = subscribe({"a"});
  publish("a", "1");
  post();
  table_.serve(2, *this);
  table_.remove(third->subscriber);
  table_.remove(first->subscriber);
  const auto late = subscribe({"a"});
  table_.remove(second->subscriber);
  deliver();
  publish("a", "2");
  deliver();
  EXPECT_EQ(second->received(), Data{"1"});
  EXPECT_EQ(late->received().back(), "2");
  table_.remove(late->subscriber);
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(SubscriberTableTest, VisitsEverySubscriber) {
  const auto one = subscribe({"a"});
  const auto two = subscribe({"a"});
  const auto three = subscribe({"b/*"});
  std::map<const Subscriber*, int> visits;
  table_.for_each([&](Subscriber& subscriber) { ++visits[&subscriber]; });
  EXPECT_EQ(visits,
            (std::map<const Subscriber*, int>{{&one->subscriber, 1}, {&two->subscriber, 1}, {&three->subscriber, 1}}));
}

TEST_F(SubscriberTableTest, WhatComesDuringARoundGoesOutInTheSameWriteToThoseStillToBeServed) {
  std::vector<std::unique_ptr<Member>> members;
  for (int i = 0; i < 6; ++i) members.push_back(subscribe({"a"}));
  publish("a", "1");
  post();
  table_.serve(2, *this);
  EXPECT_EQ(writes_, 2);
  publish("a", "2");
  publish("a", "3");
  deliver();
  EXPECT_EQ(writes_, 8);  // two of them once more
  EXPECT_EQ(rounds_, 2);
  for (const auto& member : members) EXPECT_EQ(member->received(), (Data{"1", "2", "3"}));
}

TEST_F(SubscriberTableTest, ATopicWithManyEventsDoesNotKeepAnotherWaiting) {
  std::vector<std::unique_ptr<Member>> members;
  for (int i = 0; i < 6; ++i) members.push_back(subscribe({"a"}));
  const auto other = subscribe({"b"});
  publish("a", "1");
  publish("b", "2");
  post();
  for (int i = 0; i < 4; ++i) {
    publish("a", "more");
    post();
    table_.serve(2, *this);
  }
  EXPECT_EQ(other->received(), Data{"2"});
  EXPECT_TRUE(table_.has_more());
  deliver();
}

TEST_F(SubscriberTableTest, SaysHowFarASubscriberHasBeenServed) {
  const auto first = subscribe({"a"});
  const auto second = subscribe({"a"});
  const auto third = subscribe({"a"});
  const auto other = subscribe({"b"});
  publish("a", "1");
  publish("a", "2");
  deliver();
  EXPECT_EQ(table_.served(third->subscriber), 2u);
  EXPECT_EQ(table_.served(other->subscriber), 2u);
  publish("a", "3");
  post();
  table_.serve(2, *this);
  EXPECT_EQ(table_.served(third->subscriber), 2u);
  EXPECT_EQ(table_.served(other->subscriber), 3u);
  deliver();
  EXPECT_EQ(table_.served(third->subscriber), 3u);
}

TEST_F(SubscriberTableTest, ComingAndGoingAtRandomNoneGetsTooMuchOrTooLittle) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
    const std::vector<std::string> topics = {"a", "b", "a/x", "a/y", "b/x"};
    const std::vector<std::vector<std::string>> filters = {{"a"}, {"a", "b"}, {"*"}, {"a/*", "b"}, {"**"}, {"a/x"}};
    struct Listener {
      std::unique_ptr<Member> member;
      std::vector<std::string> patterns;
      Data expected;
    };
    std::vector<Listener> listeners;
    int next = 0;
    for (int step = 0; step < 200; ++step) {
      const std::size_t what = up_to(3);
      if (what == 0 || listeners.empty()) {
        const auto& patterns = filters[up_to(filters.size() - 1)];
        listeners.push_back({subscribe(patterns), patterns, {}});
      } else if (what == 1) {
        const std::size_t gone = up_to(listeners.size() - 1);
        table_.remove(listeners[gone].member->subscriber);
        listeners.erase(listeners.begin() + static_cast<std::ptrdiff_t>(gone));
      } else {
        for (std::size_t i = up_to(3); i > 0; --i) {
          const std::string& topic = topics[up_to(topics.size() - 1)];
          const std::string data = std::to_string(next++);
          publish(topic, data);
          for (Listener& listener : listeners) {
            if (listener.member->subscriber.filter().matches(*Topic::parse(topic))) listener.expected.push_back(data);
          }
        }
        // Now and then they come and go while some have been served and others have not.
        post();
        for (std::size_t i = up_to(3); i > 0 && table_.has_more(); --i) table_.serve(2, *this);
      }
    }
    deliver();
    ASSERT_EQ(table_.batched(), 0u) << "seed " << seed;
    ASSERT_EQ(table_.size(), listeners.size()) << "seed " << seed;
    for (const Listener& listener : listeners) {
      ASSERT_EQ(listener.member->received(), listener.expected) << "seed " << seed;
      table_.remove(listener.member->subscriber);
    }
  }
}

}  // namespace
}  // namespace millrace::test
