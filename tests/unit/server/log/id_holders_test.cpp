#include "log/id_holders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "millrace/server/limits.h"
#include "scripted_outlet.h"

namespace millrace::test {
namespace {

// What an index is asked, and how often.
class Holders {
 public:
  void add(const std::string& topic, const std::string& publisher, std::uint64_t sequence) {
    holders_.push_back({.topic = OwnedTopic::parse(topic).value(), .publisher = publisher, .sequence = sequence});
  }
  std::optional<std::uint64_t> oldest(const std::vector<std::string>& patterns) {
    looks_ = 0;
    std::sort(holders_.begin(), holders_.end(), [](const IdHolder& a, const IdHolder& b) {
      return std::tie(a.topic, a.publisher) < std::tie(b.topic, b.publisher);
    });
    return oldest_holder(*filter_for(patterns), [&](std::string_view topic, std::string_view publisher) {
      ++looks_;
      const auto found = std::find_if(holders_.begin(), holders_.end(), [&](const IdHolder& holder) {
        return std::tuple(holder.topic.view(), std::string_view(holder.publisher)) >= std::tuple(topic, publisher);
      });
      return found == holders_.end() ? std::nullopt : std::optional(*found);
    });
  }
  const std::vector<IdHolder>& all() const { return holders_; }
  std::size_t looks() const { return looks_; }

 private:
  std::vector<IdHolder> holders_;
  std::size_t looks_ = 0;
};

TEST(IdHolders, AreFoundAsByALookAtEachOfThem) {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t count) {
      return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
    };
    // Some sort before the slash, and some behind it.
    const std::vector<std::string> segments = {"a", "b", "a-b", "a.", "a0", "ab", "b!", "消息", "", "https:"};
    const auto text = [&](bool is_pattern) {
      std::string topic;
      for (std::size_t i = 1 + below(4); i > 0; --i) {
        const std::size_t wildcard = is_pattern ? below(4) : 0;
        topic += wildcard == 1 ? "*" : wildcard == 2 && i == 1 ? "**" : segments[below(segments.size())];
        if (i > 1) topic += '/';
      }
      return topic.empty() ? "/" : topic;
    };
    Holders holders;
    std::set<std::string> topics;
    for (std::size_t i = 0; i < 60; ++i) topics.insert(text(false));
    std::uint64_t sequence = 0;
    for (const std::string& topic : topics) {
      for (std::size_t i = 0; i <= below(3); ++i)
        holders.add(topic, std::string(i, 'p'), 1 + (++sequence * 7919) % 1'000);
    }
    for (int i = 0; i < 20; ++i) {
      std::vector<std::string> patterns = {text(true)};
      if (below(3) == 0) patterns.push_back(text(true));
      std::uint64_t expected = 0;
      for (const IdHolder& holder : holders.all()) {
        const bool matches = filter_for(patterns)->matches(holder.topic);
        if (matches && (expected == 0 || holder.sequence < expected)) expected = holder.sequence;
      }
      ASSERT_EQ(holders.oldest(patterns).value_or(0), expected) << "seed " << seed << ", " << patterns[0];
    }
  }
}

TEST(IdHolders, OfOtherTopicsCostNextToNothing) {
  Holders holders;
  for (std::size_t i = 0; i < 5'000; ++i) holders.add("strangers/" + std::to_string(i) + "/x", "", i + 1);
  holders.add("zoo/7/x", "", 9'000);
  for (const char* pattern : {"zoo/7/x", "zoo/*/x", "zoo/**", "*/7/y", "nobody", "*"}) {
    const bool is_found = std::string_view(pattern).starts_with("zoo");
    EXPECT_EQ(holders.oldest({pattern}).has_value(), is_found) << pattern;
    EXPECT_LE(holders.looks(), 10u) << pattern;
  }
}

TEST(IdHolders, ThatAreTooManyToLookAtMakeTheIdUnknown) {
  Holders holders;
  for (std::size_t i = 0; i < kMaxIdHolders + 10; ++i) holders.add("a/" + std::to_string(i), "", i + 1);
  EXPECT_FALSE(holders.oldest({"a/*"}));
  EXPECT_LE(holders.looks(), kMaxIdHolders + 1);
  EXPECT_EQ(holders.oldest({"a/17"}), 18u);
}

}  // namespace
}  // namespace millrace::test
