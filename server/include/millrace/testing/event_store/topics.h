// EventStoreConformance: topics that finish, the newest event of each, and events of several topics.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/testing/event_store/fixture.h"

namespace millrace {

// --- Topics that end ------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, RemembersThatATopicIsFinishedUntilItBeginsAnewOrIsForgotten) {
  keeping(3);
  EXPECT_EQ(finished_at({"a"}), 0u);
  append("a");
  EXPECT_EQ(finished_at({"a"}), 0u);
  EXPECT_EQ(finish("a"), 2u);
  EXPECT_EQ(finished_at({"a"}), 2u);
  EXPECT_EQ(finished_at({"a", "b"}), 0u);
  EXPECT_EQ(finished_at({"*"}), 0u);
  finish("b");
  EXPECT_EQ(finished_at({"a", "b"}), 3u);
  append("a");
  EXPECT_EQ(finished_at({"a"}), 0u);
  EXPECT_EQ(finished_at({"a"}, 2), 2u) << "a reader from before still comes to its end";
  finish("a");
  EXPECT_EQ(finished_at({"a"}), 5u);
  for (int i = 0; i < 3; ++i) append("c");
  EXPECT_EQ(finished_at({"a"}), 0u) << "forgotten with its last entry";
}

TEST_P(EventStoreConformance, BeginsOnlyWhatIsFinished) {
  keeping(10);
  EXPECT_EQ(begin("a"), 0u);
  append("a");
  EXPECT_EQ(begin("a"), 0u);
  finish("a");
  EXPECT_EQ(begin("a"), 3u);
  EXPECT_EQ(handed_over().back().kind, Publication::Kind::kBegin);
  EXPECT_EQ(begin("a"), 0u);
  EXPECT_EQ(finished_at({"a"}), 0u);
}

// --- The newest events ----------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, ReadsTheNewestEventOfEachTopic) {
  keeping(20);
  EXPECT_EQ(read_newest(0, {"**"}), Sequences());
  for (const char* topic : {"a", "b", "a", "a/x", "b", "c"}) append(Topic::parse(std::string_view(topic)).value());
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{3, 4, 5, 6}));
  EXPECT_EQ(read_newest(0, {"a", "c", "none"}), (Sequences{3, 6}));
  EXPECT_EQ(read_newest(0, {"a/*"}), Sequences{4});
  EXPECT_EQ(read_newest(4, {"**"}), (Sequences{5, 6}));
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll, 5), (Sequences{3, 4, 5}));
  append("a");
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll, 5), (Sequences{4, 5})) << "what is newer than asked for replaces, too";
}

TEST_P(EventStoreConformance, TellsTheNewestEventsOfFinishedTopicsApart) {
  keeping(20);
  append("a");
  append("b");
  finish("a");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{2});
  EXPECT_EQ(read_newest(0, {"a", "b"}), Sequences{2});
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll), (Sequences{1, 2}));
  begin("a");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{2}) << "beginning anew brings nothing back";
  append("a");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{2, 5}));
}

TEST_P(EventStoreConformance, RetainsEventsBeyondItsBoundWhereItCan) {
  EventStore& store = keeping(3);
  if (!store.retains()) GTEST_SKIP() << "the store retains nothing";
  retain("a");
  retain("b", "mine");
  retain("a");
  for (int i = 0; i < 5; ++i) append("x");
  EXPECT_EQ(store.oldest(), 6u);
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{2, 3, 8}));
  EXPECT_EQ(read_newest(0, {"a", "x"}), (Sequences{3, 8}));
  EXPECT_EQ(store.first_after(0, filter_for({"**"})), 2u);
  EXPECT_EQ(store.first_after(0, filter_for({"a"})), 3u);
  EXPECT_EQ(store.first_after(0, filter_for({"x/*"})), 6u);
  EXPECT_EQ(store.first_after(3, filter_for({"**"})), 6u);
  EXPECT_EQ(find("mine"), 2u);
  EXPECT_EQ(append("b", "x", "mine"), 0u) << "it is still here";
  append("a");
  finish("b");
  for (int i = 0; i < 5; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{store.head()}) << "one replaced, one finished";
  EXPECT_EQ(find("mine"), 0u);
  EXPECT_EQ(store.first_after(0, filter_for({"**"})), store.oldest());
}

TEST_P(EventStoreConformance, KeepsWhatItRetainsWhereItOutlivesTheProgram) {
  if (GetParam().open_again == nullptr) GTEST_SKIP() << "the store does not say how it is opened again";
  if (!keeping(2).retains()) GTEST_SKIP() << "the store retains nothing";
  retain("a");
  append("b");
  append("b");
  append("b");
  again();
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 4}));
  finish("a");
  again();
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{4});
}

// --- Events of several topics ---------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, AppendsAnEventOfSeveralTopicsOnce) {
  if (!keeping(20).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  EXPECT_EQ(append({"a", "b/x", "c"}), 1u);
  append("b/x");
  EXPECT_EQ(read_all(0, {"a"}), Sequences{1});
  EXPECT_EQ(read_all(0, {"b/x"}), (Sequences{1, 2}));
  EXPECT_EQ(read_all(0, {"c", "b/x", "a"}), (Sequences{1, 2})) << "once, although several of its topics match";
  EXPECT_EQ(read_all(0, {"b/*", "*"}), (Sequences{1, 2}));
  EXPECT_EQ(read_all(0, {"d", "e"}), Sequences());
  const EventStore::Page page = page_after(0, {"**"});
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(topics_of(page.entries[0]), (std::vector<std::string>{"a", "b/x", "c"}));
  EXPECT_EQ(topics_of(handed_over().at(0)), (std::vector<std::string>{"a", "b/x", "c"}));
}

TEST_P(EventStoreConformance, CountsAnEventOfSeveralTopicsForEach) {
  if (!keeping(20).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  append({"a", "b", "c"});
  append("a");
  using Lists = std::vector<std::vector<std::string>>;
  EXPECT_EQ(newest_topics({"**"}), (Lists{{"b", "c"}, {"a"}})) << "a has a newer one";
  EXPECT_EQ(newest_topics({"a", "b"}), (Lists{{"b"}, {"a"}}));
  EXPECT_EQ(read_newest(0, {"a"}), Sequences{2});
  EXPECT_EQ(finish("b"), 3u);
  EXPECT_EQ(newest_topics({"**"}), (Lists{{"c"}, {"a"}}));
  EXPECT_EQ(newest_topics({"*", "b"}, Topics::kAll), (Lists{{"b", "c"}, {"a"}}));
  EXPECT_EQ(finished_at({"b"}), 3u);
  EXPECT_EQ(append({"d", "b"}), 4u);
  EXPECT_EQ(finished_at({"b"}), 0u) << "it has begun again, with an event that names it second";
  EXPECT_EQ(begin("b"), 0u);
}

TEST_P(EventStoreConformance, KnowsAPublishersIdInEachTopicOfItsEvent) {
  if (!keeping(4).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  EXPECT_EQ(append({"a", "b"}, "1"), 1u);
  EXPECT_EQ(append({"b", "a"}, "1"), 0u);
  EXPECT_EQ(append("b", "x", "1"), 0u);
  EXPECT_EQ(find("1", {"b"}), 1u);
  EXPECT_EQ(find("1", {"b/*", "b"}), 1u);
  EXPECT_THROW(append({"a", "c"}, "1"), IdConflict);
  EXPECT_THROW(append({"c", "b"}, "1"), IdConflict);
  EXPECT_EQ(append("c", "x", "1"), 2u) << "nothing of a refused event was kept";
  EXPECT_THROW(append({"a", "c"}, "1"), IdConflict) << "two different events";
  EXPECT_TRUE(store_->status().is_accepting());
  finish("b");
  begin("b");
  EXPECT_THROW(append({"a", "b"}, "1"), IdConflict) << "b has begun anew";
  append("x");
  EXPECT_EQ(find("1", {"b"}), 0u) << "dropped in all of its topics";
  EXPECT_NE(append({"a", "b"}, "1"), 0u);
}

TEST_P(EventStoreConformance, RetainsAnEventForEachOfItsTopics) {
  EventStore& store = keeping(3);
  if (!store.takes_several_topics() || !store.retains()) GTEST_SKIP() << "the store does not do both";
  append({"a", "b"}, "mine", true);
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 5})) << "once";
  EXPECT_EQ(read_newest(0, {"b", "a"}), Sequences{1});
  EXPECT_EQ(store.first_after(0, filter_for({"b"})), 1u);
  EXPECT_EQ(append({"a", "b"}, "mine"), 0u);
  append("a");
  using Lists = std::vector<std::vector<std::string>>;
  EXPECT_EQ(newest_topics({"a", "b"}), (Lists{{"b"}, {"a"}}));
  EXPECT_EQ(find("mine", {"b"}), 1u);
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 10})) << "the topic a is forgotten";
  EXPECT_EQ(newest_topics({"a", "b"}), Lists{{"b"}});
  EXPECT_EQ(append("a", "x", "mine"), 11u) << "in a, it is gone";
  finish("b");
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{store.head()});
  EXPECT_EQ(find("mine"), 0u);
}

}  // namespace millrace
