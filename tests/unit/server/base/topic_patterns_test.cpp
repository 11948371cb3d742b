#include "millrace/server/topic_patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "millrace/server/subscription.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> texts_of(const TopicPatterns& patterns) {
  std::vector<std::string> texts;
  for (const OwnedTopicPattern& pattern : patterns) texts.push_back(pattern.text());
  return texts;
}

template <typename Make>
std::string complaint_of(Make make) {
  try {
    make();
  } catch (const InvalidTopic& failure) {
    return failure.what();
  }
  return {};
}

// Too long for a string to hold them in itself: a view that outlives its text is found by the sanitizers.
const std::string kRoom = "a room with a name that is longer than a short string";

TEST(TopicPatterns, AreMadeOfLiteralsTextAndWhatWasCheckedBefore) {
  const auto topic = OwnedTopic::parse("topics/" + kRoom);
  const auto pattern = OwnedTopicPattern::parse("patterns/*/" + kRoom);
  const std::string_view view = kRoom;
  const TopicPatterns made{"news/**", "rooms/" + kRoom, view, *topic, *pattern, Topic("a"), TopicPattern("b/*")};
  EXPECT_EQ(texts_of(made), (std::vector<std::string>{"news/**", "rooms/" + kRoom, kRoom, "topics/" + kRoom,
                                                      "patterns/*/" + kRoom, "a", "b/*"}));
  EXPECT_EQ(made, TopicPatterns(texts_of(made)));
  EXPECT_NE(made, TopicPatterns{"news/**"});
  EXPECT_TRUE(TopicPatterns().empty());
}

TEST(TopicPatterns, RefuseOtherTextWithASentence) {
  for (const std::string& text : {std::string(), std::string("a/**/b"), std::string("a*"), std::string("**/a"),
                                  std::string("a\nb"), std::string("\xff"), std::string(1025, 'x')}) {
    const std::string complaint = complaint_of([&] { TopicPatterns{"a", text}; });
    EXPECT_THAT(complaint, StartsWith("topic: \"" + text + "\" is not a topic pattern: expected 1 to 1024 bytes"));
    EXPECT_EQ(complaint_of([&] { TopicPatterns(std::vector<std::string>{text}); }), complaint);
    EXPECT_EQ(complaint_of([&] { TopicPatterns().push_back(text); }), complaint);
  }
}

TEST(TopicPatterns, AreWhatTheyWereWhereOneMoreIsRefused) {
  TopicPatterns patterns{"a"};
  EXPECT_THROW(patterns.push_back(std::string("b/**/c")), InvalidTopic);
  EXPECT_EQ(patterns, TopicPatterns{"a"});
}

// A text that is no topic must not turn into "none", which would select more.
static_assert(!std::is_constructible_v<TopicChoice, std::optional<OwnedTopic>>);
static_assert(!std::is_assignable_v<TopicChoice&, std::optional<OwnedTopic>>);

TEST(TopicChoice, IsATopicOrNone) {
  EXPECT_FALSE(TopicChoice().topic());
  EXPECT_FALSE(StreamSelection{.user = "ada"}.topic.topic());
  EXPECT_EQ(StreamSelection{.topic = {"a/b"}}.topic.topic()->text(), "a/b");
  EXPECT_EQ(StreamSelection{.topic = "rooms/" + kRoom}.topic.topic()->text(), "rooms/" + kRoom);
  EXPECT_EQ(StreamSelection{.topic = *OwnedTopic::parse(kRoom)}.topic.topic()->text(), kRoom);
  EXPECT_THAT(complaint_of([] { TopicChoice choice(std::string("a/*")); }),
              HasSubstr("\"a/*\" is not a topic: expected 1 to 1024 bytes"));
}

}  // namespace
}  // namespace millrace::test
