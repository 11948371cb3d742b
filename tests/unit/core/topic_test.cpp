#include "millrace/core/topic.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/core/owned.h"
#include "stream_generator.h"

namespace millrace::test {
namespace {

using namespace std::string_view_literals;

TEST(Topic, IsOneOrMoreSegments) {
  for (const std::string_view text :
       {"a"sv, "a/b"sv, "stocks/nasdaq/ACME"sv, "a b/ c "sv, "größe/世界"sv, "."sv, "a:b?c#d%2F"sv,
        "https://example.com/books/1"sv, "/"sv, "/a"sv, "a/"sv, "a//b"sv, "//"sv}) {
    const auto topic = Topic::parse(text);
    ASSERT_TRUE(topic.has_value()) << text;
    EXPECT_EQ(topic->view(), text);
  }
}

TEST(Topic, RefusesWhatIsNone) {
  for (const std::string_view text :
       {""sv, "a\nb"sv, "a\rb"sv, "a\0b"sv, "a\tb"sv, "\x7F"sv, "\x1F"sv, "\xFF"sv, "a/\xED\xA0\x80"sv, "a\xC3"sv}) {
    EXPECT_FALSE(Topic::parse(text).has_value()) << testing::PrintToString(text);
    EXPECT_FALSE(TopicPattern::parse(text).has_value()) << testing::PrintToString(text);
  }
}

TEST(Topic, HasNoWildcards) {
  for (const std::string_view text : {"*"sv, "**"sv, "a/*"sv, "a/**"sv, "a*b"sv, "*a"sv}) {
    EXPECT_FALSE(Topic::parse(text).has_value()) << text;
  }
}

TEST(Topic, IsBounded) {
  const std::string longest(kMaxTopicBytes, 'x');
  const std::string too_long(kMaxTopicBytes + 1, 'x');
  EXPECT_TRUE(Topic::parse(longest).has_value());
  EXPECT_FALSE(Topic::parse(too_long).has_value());
  EXPECT_TRUE(TopicPattern::parse(longest).has_value());
  EXPECT_FALSE(TopicPattern::parse(too_long).has_value());
}

TEST(TopicPattern, TakesAWildcardAsAWholeSegmentOnly) {
  for (const std::string_view text : {"*"sv, "**"sv, "a/*"sv, "*/a"sv, "*/*"sv, "a/**"sv, "*/**"sv, "a/*/b"sv, "a"sv}) {
    const auto pattern = TopicPattern::parse(text);
    ASSERT_TRUE(pattern.has_value()) << text;
    EXPECT_EQ(pattern->view(), text);
    EXPECT_EQ(pattern->is_literal(), text == "a") << text;
  }
  for (const std::string_view text :
       {"a*"sv, "*a"sv, "a*b"sv, "***"sv, "a**"sv, "**/a"sv, "a/**/b"sv, "**/**"sv, "a/***"sv}) {
    EXPECT_FALSE(TopicPattern::parse(text).has_value()) << text;
  }
}

TEST(TopicPattern, HasWildcardsInItsFirstSegmentsOnly) {
  std::string pattern;
  for (std::size_t depth = 1; depth <= kMaxWildcardDepth; ++depth) pattern += depth == 1 ? "*" : "/*";
  EXPECT_TRUE(TopicPattern::parse(pattern).has_value());
  const std::string rest = pattern + "/a/b/**";
  EXPECT_TRUE(TopicPattern::parse(rest).has_value()) << "a final ** may stand anywhere";
  pattern += "/*";
  EXPECT_FALSE(TopicPattern::parse(pattern).has_value());
  const std::string deep = "a/b/c/d/e/f/g/h/*";
  EXPECT_FALSE(TopicPattern::parse(deep).has_value());
}

TEST(OwnedTopic, KeepsItsText) {
  const auto made = [](int room) {
    return OwnedTopic::parse("a room with a name that is long/" + std::to_string(room));
  };
  std::vector<OwnedTopic> topics;
  for (int room = 0; room < 100; ++room) topics.push_back(made(room).value());
  for (int room = 0; room < 100; ++room) {
    const Topic topic = topics[static_cast<std::size_t>(room)];
    EXPECT_EQ(topic.view(), "a room with a name that is long/" + std::to_string(room));
  }
  EXPECT_FALSE(OwnedTopic::parse("a/*"));
  EXPECT_TRUE(OwnedTopicPattern::parse("a/*"));
  EXPECT_FALSE(OwnedEventId::parse("1\n"));
  EXPECT_EQ(OwnedEventType::parse("created").value().text(), "created");
}

TEST(OwnedList, KeepsTheTextOfAll) {
  std::unique_ptr<OwnedList<TopicPattern>> patterns;
  {
    const std::string one = "a pattern that is long enough/*";
    const std::string other = "b";
    patterns = std::make_unique<OwnedList<TopicPattern>>(
        std::vector<TopicPattern>{TopicPattern::parse(one).value(), TopicPattern::parse(other).value()});
  }
  ASSERT_EQ(patterns->views().size(), 2u);
  EXPECT_EQ(patterns->views()[0].view(), "a pattern that is long enough/*");
  EXPECT_EQ(patterns->views()[1].view(), "b");
  EXPECT_EQ(patterns->text(), "a pattern that is long enough/*\nb\n");
}

TEST(TopicPattern, Matches) {
  struct Case {
    std::string_view pattern, topic;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"a", "a", true},
           {"a", "b", false},
           {"a", "A", false},
           {"a", "aa", false},
           {"aa", "a", false},
           {"a", "a/b", false},
           {"a/b", "a", false},
           {"a/b", "a/b", true},
           {"*", "a", true},
           {"*", "a/b", false},
           {"*/b", "a/b", true},
           {"a/*", "a/b", true},
           {"a/*", "a", false},
           {"a/*", "a/b/c", false},
           {"a/*/c", "a/b/c", true},
           {"a/*/c", "a/c", false},
           {"a/*/c", "a/b/b/c", false},
           {"**", "a", true},
           {"**", "a/b/c", true},
           {"a/**", "a/b", true},
           {"a/**", "a/b/c/d", true},
           {"a/**", "a", false},
           {"a/**", "ab/c", false},
           {"*/**", "a", false},
           {"*/**", "a/b", true},
           {"https://example.com/books/1", "https://example.com/books/1", true},
           {"https://*/books/*", "https://example.com/books/1", true},
           {"https://example.com/books/1", "https:/example.com/books/1", false},
           {"a/", "a", false},
           {"a", "a/", false},
           {"a/", "a/", true},
           {"a/*", "a/", true},
           {"a/**", "a/", true},
           {"*/", "a/", true},
           {"*", "/", false},
           {"*/*", "/", true},
           {"a//b", "a/b", false},
           {"a/*/b", "a//b", true},
           {"**", "/", true},
           {"**", "millrace.presence", false},
           {"*", "millrace.presence", false},
           {"**", "millrace.presence/a", false},
           {"*/a", "millrace.presence/a", false},
           {"millrace.presence", "millrace.presence", true},
           {"millrace.presence/**", "millrace.presence/a/b", true},
           {"millrace.presence/*", "millrace.presence/a", true},
           {"**", "a/millrace.presence", true},
           {"**", "millrace", true},
           {"stocks/*/ACME", "stocks/nasdaq/ACME", true},
           {"stocks/*/ACME", "stocks/nasdaq/OTHER", false},
       }) {
    EXPECT_EQ(TopicPattern::parse(c.pattern).value().matches(Topic::parse(c.topic).value()), c.matches)
        << c.pattern << " and " << c.topic;
  }
}

TEST(TopicPattern, OfATopicMatchesThatTopic) {
  constexpr TopicPattern pattern = "users/7";
  constexpr Topic topic = "users/7";
  EXPECT_TRUE(pattern.matches(topic));
  EXPECT_TRUE(pattern.is_literal());
}

using Segments = std::vector<std::string>;

std::string joined(const Segments& segments) {
  std::string text;
  for (const std::string& segment : segments) text += (text.empty() ? "" : "/") + segment;
  return text;
}

bool matches_by_definition(const Segments& pattern, const Segments& topic) {
  if (pattern.back() == "**") {
    if (topic.size() < pattern.size()) return false;
  } else if (topic.size() != pattern.size()) {
    return false;
  }
  for (std::size_t i = 0; i < pattern.size() && pattern[i] != "**"; ++i) {
    if (pattern[i] != "*" && pattern[i] != topic[i]) return false;
  }
  return true;
}

TEST(TopicPattern, MatchesByDefinitionOnRandomTopics) {
  StreamGenerator random(1);
  const auto segments = [&](const std::vector<std::string>& alphabet) {
    Segments out(1 + random.below(4));
    for (std::string& segment : out) segment = alphabet[random.below(alphabet.size())];
    return out;
  };
  for (int i = 0; i < 20'000; ++i) {
    Segments pattern = segments({"a", "b", "*"});
    if (random.below(3) == 0) pattern.back() = "**";
    const Segments topic = segments({"a", "b"});
    const OwnedTopicPattern joined_pattern = OwnedTopicPattern::parse(joined(pattern)).value();
    const OwnedTopic joined_topic = OwnedTopic::parse(joined(topic)).value();
    ASSERT_EQ(joined_pattern.get().matches(joined_topic), matches_by_definition(pattern, topic))
        << joined_pattern.view() << " and " << joined_topic.view();
  }
}

// All topics, or patterns, of up to `longest` segments.
std::vector<std::string> all_of_segments(const std::vector<std::string>& alphabet, std::size_t longest) {
  std::vector<std::string> all = alphabet;
  for (std::size_t begin = 0, length = 2; length <= longest; ++length) {
    const std::size_t end = all.size();
    for (; begin < end; ++begin) {
      for (const std::string& segment : alphabet) all.push_back(all[begin] + '/' + segment);
    }
  }
  return all;
}

TEST(TopicPattern, CoversAnotherIfItMatchesAllThatTheOtherMatches) {
  std::vector<std::string> patterns = all_of_segments({"a", "millrace.b", "*"}, 3);
  for (std::size_t i = 0, plain = patterns.size(); i < plain; ++i) patterns.push_back(patterns[i] + "/**");
  patterns.emplace_back("**");
  // A segment that no pattern names, and topics longer than every pattern: more topics would tell no more.
  const std::vector<std::string> topics = all_of_segments({"a", "millrace.b", "c"}, 5);
  std::vector<std::vector<bool>> matched(patterns.size());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const TopicPattern pattern = TopicPattern::parse(patterns[i]).value();
    for (const std::string& topic : topics) matched[i].push_back(pattern.matches(Topic::parse(topic).value()));
  }
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    for (std::size_t j = 0; j < patterns.size(); ++j) {
      bool expected = true;
      for (std::size_t t = 0; t < topics.size() && expected; ++t) expected = matched[i][t] || !matched[j][t];
      ASSERT_EQ(TopicPattern::parse(patterns[i]).value().covers(TopicPattern::parse(patterns[j]).value()), expected)
          << patterns[i] << " and " << patterns[j];
    }
  }
}

}  // namespace
}  // namespace millrace::test
