#include "stores/jetstream/topic_subject.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "millrace/core/topic.h"

namespace millrace::test {
namespace {

TEST(TopicSubject, KeepsSegmentsAsTokens) {
  EXPECT_EQ(topic_subject("stocks/nasdaq/ACME"), "stocks.nasdaq.ACME");
  EXPECT_EQ(topic_subject("stocks/*/ACME"), "stocks.*.ACME");
  EXPECT_EQ(topic_subject("stocks/**"), "stocks.>");
  EXPECT_EQ(topic_subject("a.b/c d/e>%"), "a%2Eb.c%20d.e%3E%25");
  EXPECT_EQ(topic_subject("消息/ü"), "消息.ü");
  EXPECT_EQ(topic_subject("https://example.com/"), "https%3A.%.example%2Ecom.%");
}

TEST(TopicSubject, NamesNoTopicThatAnotherSubjectNames) {
  for (const char* subject : {"", ".", "a.", ".a", "a..b", "a.*", "a.>", "a%", "a%2", "a%2e", "a%61", "a%2Fb", "a b",
                              "a%0A", "a%00", "a%2A", "\xff", "%%", "a%.b"}) {
    EXPECT_EQ(subject_topic(subject), std::nullopt) << subject;
  }
}

// As NATS does it.
bool subject_matches(const std::string& pattern, const std::string& subject) {
  std::size_t p = 0;
  std::size_t s = 0;
  while (true) {
    const std::string one = pattern.substr(p, pattern.find('.', p) - p);
    const std::string other = subject.substr(s, subject.find('.', s) - s);
    if (one == ">") return true;
    if (one != "*" && one != other) return false;
    const std::size_t p_end = pattern.find('.', p);
    const std::size_t s_end = subject.find('.', s);
    if (p_end == std::string::npos || s_end == std::string::npos) return p_end == s_end;
    p = p_end + 1;
    s = s_end + 1;
  }
}

TEST(TopicSubject, KeepsEveryTopicAndPatternApart) {
  const std::vector<std::string> pieces = {"a", "B", ".", " ",  ">",  "%", "%2E", "%2F",
                                           "-", "_", "ü", "消", "\\", "$", "\"",  "~"};
  std::mt19937 random(20'251);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const auto make = [&](bool pattern) {
    std::string text;
    const std::size_t segments = 1 + up_to(2);
    for (std::size_t i = 0; i < segments; ++i) {
      if (i > 0) text += '/';
      if (pattern && up_to(2) == 0) {
        text += i + 1 == segments && up_to(1) == 0 ? "**" : "*";
        continue;
      }
      for (std::size_t n = up_to(3); n > 0; --n) text += pieces[up_to(pieces.size() - 1)];
    }
    return text.empty() ? "/" : text;
  };
  std::map<std::string, std::string> topics;  // by subject
  std::size_t matches = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = make(false);
    const std::string subject = topic_subject(text);
    ASSERT_EQ(subject.find_first_of(" \t\r\n*>"), std::string::npos) << text;
    ASSERT_EQ(subject_topic(subject).value().text(), text);
    ASSERT_EQ(topics.try_emplace(subject, text).first->second, text);
    const std::string pattern_text = make(true);
    const auto pattern = TopicPattern::parse(pattern_text);
    ASSERT_TRUE(pattern) << pattern_text;
    const bool is_match = pattern->matches(*Topic::parse(text));
    ASSERT_EQ(subject_matches(topic_subject(pattern_text), subject), is_match) << pattern_text << " and " << text;
    matches += is_match ? 1 : 0;
  }
  EXPECT_GT(matches, 500u);
}

}  // namespace
}  // namespace millrace::test
