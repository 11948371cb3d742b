// EventStoreConformance: random histories against a model that keeps everything and looks at all of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/server/topic_filter.h"
#include "millrace/testing/event_store/fixture.h"

namespace millrace {

inline void EventStoreConformance::compare_with_model(std::uint32_t seed) {
  struct Entry {
    std::uint64_t sequence;
    std::vector<std::string> topics;
    std::string id;
    bool has(const std::string& topic) const { return std::count(topics.begin(), topics.end(), topic) > 0; }
  };
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const std::vector<std::string> topics = {"a", "b", "a/x", "a/y", "b/x", "a/x/1", "c"};
  const std::vector<std::vector<std::string>> filters = {
      {"a"},       {"a", "b/x"}, {"b", "a/x", "a/y", "c"}, {"*"}, {"a/*"}, {"a/**", "c"}, {"**"},
      {"nowhere"}, {"*/x"},      {"*", "*/*", "a/**"}};
  const std::size_t capacity = 1 + up_to(200);
  EventStore& store = keeping(capacity);
  std::vector<Entry> model;

  for (int step = 0; step < 300; ++step) {
    Entry entry{.sequence = model.size() + 1, .topics = {topics[up_to(topics.size() - 1)]}, .id = {}};
    while (store.takes_several_topics() && up_to(3) == 0) {
      const std::string& further = topics[up_to(topics.size() - 1)];
      if (!entry.has(further)) entry.topics.push_back(further);
    }
    if (up_to(3) == 0) {
      entry.id = "id" + std::to_string(up_to(400));
      if (find(entry.id) != 0) entry.id.clear();
    }
    std::vector<Topic> its_topics;
    for (const std::string& topic : entry.topics) its_topics.push_back(Topic::parse(topic).value());
    append(its_topics, EventId::parse(entry.id).value());
    model.push_back(entry);
    const std::uint64_t oldest = model.size() > capacity ? model.size() - capacity + 1 : 1;
    ASSERT_EQ(store.oldest(), oldest) << "seed " << seed;
    ASSERT_EQ(store.head(), model.size()) << "seed " << seed;

    std::map<std::string, std::uint64_t> kept;
    for (const Entry& one : model) {
      if (one.sequence >= oldest && !one.id.empty()) kept[one.id] = one.sequence;
    }
    const std::string asked = "id" + std::to_string(up_to(400));
    ASSERT_EQ(find(asked), kept.contains(asked) ? kept[asked] : 0) << "seed " << seed;

    const auto& patterns = filters[up_to(filters.size() - 1)];
    const std::uint64_t after = oldest - 1 + up_to(model.size() - (oldest - 1));
    const TopicFilter filter = filter_for(patterns);
    const auto matches = [&](const std::string& topic) { return filter.matches(Topic::parse(topic).value()); };
    Sequences expected;
    for (const Entry& one : model) {
      const bool is_wanted = std::any_of(one.topics.begin(), one.topics.end(), matches);
      if (one.sequence > after && is_wanted) expected.push_back(one.sequence);
    }
    ASSERT_EQ(read_all(after, patterns), expected) << "seed " << seed << ", step " << step;
    std::erase_if(expected, [&](std::uint64_t sequence) {
      const auto is_replaced = [&](const std::string& topic) {
        return !matches(topic) || std::any_of(model.begin() + static_cast<std::ptrdiff_t>(sequence), model.end(),
                                              [&](const Entry& later) { return later.has(topic); });
      };
      const auto& its_topics_then = model[sequence - 1].topics;
      return std::all_of(its_topics_then.begin(), its_topics_then.end(), is_replaced);
    });
    ASSERT_EQ(read_newest(after, patterns), expected) << "seed " << seed << ", step " << step;
  }
}

TEST_P(EventStoreConformance, AgreesWithALookAtEveryEntry) {
  for (std::uint32_t seed = 1; seed <= GetParam().histories && !HasFatalFailure(); ++seed) compare_with_model(seed);
}

}  // namespace millrace
