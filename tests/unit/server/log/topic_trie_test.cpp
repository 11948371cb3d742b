#include "log/topic_trie.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "log/topic_matcher.h"
#include "millrace/core/owned.h"
#include "scripted_outlet.h"

namespace millrace::test {
namespace {

struct Owner {
  std::vector<OwnedTopicPattern> patterns;
  std::vector<TopicTrie<Owner>::Entry> entries;
  int found = 0;
};

using Trie = TopicTrie<Owner>;

std::unique_ptr<Owner> add(Trie& trie, const std::vector<std::string>& patterns) {
  auto owner = std::make_unique<Owner>();
  for (const std::string& pattern : patterns) owner->patterns.push_back(OwnedTopicPattern::parse(pattern).value());
  owner->entries = std::vector<Trie::Entry>(patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) trie.add(owner->patterns[i], *owner, owner->entries[i]);
  return owner;
}

void remove(Trie& trie, Owner& owner) {
  for (Trie::Entry& entry : owner.entries) trie.remove(entry);
}

// Returns the steps it took.
std::size_t match(const Trie& trie, Topic topic) {
  return trie.match(topic, [](Owner& owner) {
    ++owner.found;
    return true;
  });
}

std::string joined(const std::vector<std::string>& segments) {
  std::string text = segments.front();
  for (std::size_t i = 1; i < segments.size(); ++i) text += "/" + segments[i];
  return text.empty() ? "a" : text;
}

TEST(TopicTrie, FindsWhatMatchesByDefinitionWhileOthersComeAndGo) {
  std::mt19937 random(7);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const auto any_of = [&](const std::vector<std::string>& all) { return all[up_to(all.size() - 1)]; };
  Trie trie;
  std::vector<std::unique_ptr<Owner>> owners;
  std::size_t matches = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (up_to(2) == 0 || owners.empty()) {
      std::vector<std::string> patterns;
      for (std::size_t n = up_to(3); n > 0 || patterns.empty(); n -= n > 0 ? 1 : 0) {
        std::vector<std::string> segments;
        for (std::size_t i = up_to(5) + 1; i > 0; --i)
          segments.push_back(any_of({"a", "b", "ab", "", "*", "millrace.x"}));
        if (up_to(3) == 0) segments.back() = "**";
        patterns.push_back(joined(segments));
      }
      owners.push_back(add(trie, patterns));
    } else if (up_to(2) == 0 || owners.size() > 60) {
      std::swap(owners[up_to(owners.size() - 1)], owners.back());
      remove(trie, *owners.back());
      owners.pop_back();
    }
    std::vector<std::string> segments;
    for (std::size_t i = up_to(6) + 1; i > 0; --i) segments.push_back(any_of({"a", "b", "ab", "c", "", "millrace.x"}));
    const OwnedTopic topic = OwnedTopic::parse(joined(segments)).value();
    for (const auto& owner : owners) owner->found = 0;
    match(trie, topic);
    for (const auto& owner : owners) {
      int expected = 0;
      for (const OwnedTopicPattern& pattern : owner->patterns) expected += pattern.get().matches(topic) ? 1 : 0;
      ASSERT_EQ(owner->found, expected) << topic.view() << ", first of " << owner->patterns[0].view();
      matches += expected > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(matches, 10'000u);
  for (const auto& owner : owners) remove(trie, *owner);
  EXPECT_TRUE(trie.empty()) << "nothing is left of patterns that have gone";
}

TEST(TopicTrie, FollowsATopicOfAnyDepth) {
  const std::string slashes(kMaxTopicBytes - 1, '/');
  const std::string pattern = "*" + slashes;
  Trie trie;
  const auto owner = add(trie, {pattern, slashes, "**"});
  const OwnedTopic topic = OwnedTopic::parse(slashes).value();
  EXPECT_LE(match(trie, topic), 2 * (kMaxTopicBytes + 2));
  EXPECT_EQ(owner->found, 3);
  remove(trie, *owner);
  EXPECT_TRUE(trie.empty());
}

TEST(TopicTrie, StopsOnceItIsAskedTo) {
  Trie trie;
  const auto one = add(trie, {"a/*", "a/**", "**", "*/b", "a/b"});
  int calls = 0;
  trie.match("a/b", [&](Owner&) { return ++calls < 2; });
  EXPECT_EQ(calls, 2);
}

TEST(TopicTrie, TakesNoMoreStepsForPatternsOfOthers) {
  Trie trie;
  std::vector<std::unique_ptr<Owner>> strangers;
  for (int stranger = 0; stranger < 2'000; ++stranger) {
    std::vector<std::string> patterns;
    for (int i = 0; i < 64; ++i) patterns.push_back("*/*/*/z" + std::to_string(stranger) + "." + std::to_string(i));
    strangers.push_back(add(trie, patterns));
  }
  EXPECT_LE(match(trie, "innocent"), 2u);
  EXPECT_LE(match(trie, "stocks/nasdaq/ACME/price"), 4u);
  EXPECT_EQ(match(trie, "stocks/nasdaq/ACME/z7.3"), 5u) << "three wildcards, and the one that matches";
  EXPECT_EQ(strangers[7]->found, 1);
}

// All combinations of wildcards and the topic's own segments, as far as there may be wildcards; none matches.
TEST(TopicTrie, HasABoundOnStepsWhateverPatternsThereAre) {
  for (const std::size_t depth : {8u, 20u, 100u}) {
    const std::vector<std::string> segments(depth, "x");
    const OwnedTopic topic = OwnedTopic::parse(joined(segments)).value();
    Trie trie;
    std::vector<std::unique_ptr<Owner>> owners;
    for (std::uint32_t stars = 0; stars < (1u << kMaxWildcardDepth); ++stars) {
      std::vector<std::string> pattern = segments;
      for (std::size_t i = 0; i < kMaxWildcardDepth; ++i) {
        if ((stars >> i & 1) != 0) pattern[i] = "*";
      }
      pattern.emplace_back("never");
      owners.push_back(add(trie, {joined(pattern)}));
    }
    const std::size_t ways = std::size_t{1} << kMaxWildcardDepth;
    EXPECT_LE(match(trie, topic), 2 * ways + ways * (depth - kMaxWildcardDepth)) << depth;
    for (const auto& owner : owners) EXPECT_EQ(owner->found, 0);
  }
}

TEST(TopicMatcher, AnswersAsItsFilterDoesAndCountsSteps) {
  std::vector<std::string> patterns;
  for (int i = 0; i < 64; ++i) patterns.push_back("*/*/a" + std::to_string(i));
  const auto filter = filter_for(patterns);
  TopicMatcher matcher(*filter);
  for (int i = 0; i < 1'000; ++i) {
    const OwnedTopic topic = OwnedTopic::parse("x/y/a" + std::to_string(i % 100)).value();
    ASSERT_EQ(matcher.matches(topic), filter->matches(topic)) << topic.view();
  }
  EXPECT_LT(matcher.steps(), 8'000u) << "64,000 would be looking at each pattern each time";
}

}  // namespace
}  // namespace millrace::test
