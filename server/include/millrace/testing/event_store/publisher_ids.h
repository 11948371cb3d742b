// EventStoreConformance: the IDs that publishers give to their events.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"
#include "millrace/testing/event_store/fixture.h"

namespace millrace {

TEST_P(EventStoreConformance, FindsAPublishersIdWhileItsEventIsHere) {
  const std::string epoch = keeping(2).epoch();
  append("a", "x", "one");
  append("a", "x", "two");
  EXPECT_EQ(append("a", "x", "two"), 0u) << "an event that is sent again is appended once";
  EXPECT_EQ(find("one"), 1u);
  append("b");
  EXPECT_EQ(find("one"), 0u);
  EXPECT_EQ(find("two"), 2u);
  EXPECT_EQ(find(""), 0u);
  EXPECT_EQ(find(epoch + "-2"), 0u);
  EXPECT_NE(append("a", "x", "one"), 0u) << "an ID whose event was dropped is new";
}

TEST_P(EventStoreConformance, TellsTheIdsOfTopicsAndPublishersApart) {
  keeping(20);
  EXPECT_NE(append("a", "x", "1"), 0u);
  EXPECT_NE(append("b", "x", "1"), 0u);
  EXPECT_NE(append("b", "x", "1", "user ada"), 0u);
  EXPECT_NE(append("a/b", "x", "1", "user " + std::string(2'000, '\n')), 0u) << "a publisher may have any name";
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_EQ(append("b", "x", "1", "user ada"), 0u);
  EXPECT_EQ(find("1"), 1u) << "the oldest, so that nothing is lost";
  EXPECT_EQ(find("1", {"a"}), 1u);
  EXPECT_EQ(find("1", {"b"}), 2u);
  EXPECT_EQ(find("1", {"a/*"}), 4u);
  EXPECT_EQ(find("1", {"a/**", "b"}), 2u);
  EXPECT_EQ(find("1", {"c"}), 0u);
  EXPECT_EQ(find("1", {"c/*"}), 0u);
  EXPECT_EQ(find("1", {"*/c"}), 0u);
  EXPECT_EQ(find("11"), 0u);
  const EventStore::Page page = page_after(2, {"b"});
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].publisher_id, "1");
  EXPECT_EQ(page.entries[0].publisher_key, publisher_key("user ada"));
}

TEST_P(EventStoreConformance, ForgetsATopicsIdsWhenItBeginsAnew) {
  keeping(20);
  EXPECT_NE(append("a", "x", "1"), 0u);
  finish("a");
  EXPECT_EQ(append("a", "x", "1"), 0u) << "a publisher without an answer sends everything again, the finish included";
  EXPECT_EQ(finish("a"), 0u);
  ASSERT_NE(begin("a"), 0u);
  EXPECT_NE(append("a", "x", "1"), 0u);
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_EQ(find("1", {"a"}), 4u);
  finish("a");
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_NE(append("a", "x", "2"), 0u);
  EXPECT_NE(append("a", "x", "1"), 0u) << "the event before has begun the topic anew";
}

TEST_P(EventStoreConformance, FindsAnIdThatManyOtherTopicsHave) {
  EventStore& store = keeping(100'000);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3 * kMaxIdHolders; ++i) names.push_back("many/" + std::to_string(i) + "/x");
  std::vector<Publication> publications;
  for (const std::string& name : names)
    publications.push_back({.topic = Topic::parse(name).value(), .event = {.id = "1"}});
  Sequences sequences(publications.size());
  store.append(publications, sequences);
  const std::uint64_t own = append("mine/7/x", "x", "1");
  EXPECT_EQ(find("1", {"mine/7/x"}), own);
  EXPECT_EQ(find("1", {"mine/*/x"}), own);
  EXPECT_EQ(find("1", {"mine/**"}), own);
  EXPECT_EQ(find("1", {names[2'000]}), 2'001u);
  EXPECT_EQ(find("1", {"nobody/**"}), 0u);
  EXPECT_EQ(find("1", {"*/7"}), 0u);
}

}  // namespace millrace
