// Topics that end and begin anew, and publishers' IDs in them: what users' streams stand on.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "log/frame.h"
#include "lone_hub.h"
#include "millrace/server/topic_filter.h"

namespace millrace::test {
namespace {

Feed::Options keeping(std::size_t events) {
  return {.history_events = events, .history_bytes = 1 << 20, .epoch = "ep", .clock = [] { return TimePoint{}; }};
}

TopicFilter filter_of(const std::vector<TopicPattern>& patterns) {
  return TopicFilter(patterns);
}

std::vector<std::string> payloads(const Feed::Page& page) {
  std::vector<std::string> result;
  for (const FramePtr& frame : page.frames) result.emplace_back(frame->payload());
  return result;
}

TEST(TopicLife, AnEarlierListenerReachesTheEndWhateverComesAfterIt) {
  LoneHub hub(keeping(10));
  const TopicFilter a = filter_of({"a"});
  hub.publish("a", {.data = "1"}).or_throw();
  hub.publish("a", {.data = "2"}).or_throw();
  hub.finish("a").or_throw();
  hub.begin("a").or_throw();
  hub.publish("a", {.data = "3"}).or_throw();

  const Feed::Page rest = hub.read_after(1, a);
  EXPECT_EQ(payloads(rest), (std::vector<std::string>{"id: ep-2\ndata: 2\n\n", "id: ep-3\n\n"}));
  EXPECT_TRUE(rest.finished);
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-2"), a)) << "it has the last event";
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-3"), a)) << "it has seen the end";
  EXPECT_FALSE(hub.is_over(hub.resolve("ep-4"), a)) << "it came when the topic had begun anew";
  EXPECT_EQ(payloads(hub.read_after(4, a)), (std::vector<std::string>{"id: ep-5\ndata: 3\n\n"}));
}

TEST(TopicLife, BeginningOpensAFinishedTopicToNewcomersAndDoesNothingElse) {
  LoneHub hub(keeping(10));
  const TopicFilter a = filter_of({"a"});
  hub.begin("a").or_throw();
  EXPECT_EQ(hub.resolve("").sequence, 0u) << "it is not finished";
  hub.finish("a").or_throw();
  EXPECT_TRUE(hub.is_over(hub.resolve(""), a));
  hub.begin("a").or_throw();
  hub.begin("a").or_throw();
  EXPECT_EQ(hub.resolve("").sequence, 2u) << "once is enough";
  EXPECT_FALSE(hub.is_over(hub.resolve(""), a));
}

TEST(TopicLife, AListenerOfSeveralTopicsGetsTheirNewEvents) {
  LoneHub hub(keeping(10));
  const TopicFilter both = filter_of({"a", "b"});
  hub.publish("a", {.data = "1"}).or_throw();
  hub.finish("a").or_throw();
  hub.publish("a", {.data = "2"}).or_throw();
  EXPECT_EQ(hub.read_after(0, both).frames.size(), 3u);
  EXPECT_FALSE(hub.read_after(0, both).finished);
}

TEST(TopicLife, AnEndIsForgottenWithItsEntry) {
  LoneHub hub(keeping(2));
  const TopicFilter a = filter_of({"a"});
  hub.finish("a").or_throw();
  hub.publish("a", {.data = "2"}).or_throw();
  EXPECT_TRUE(hub.is_over(hub.resolve("ep-1"), a));
  hub.publish("a", {.data = "3"}).or_throw();
  EXPECT_FALSE(hub.is_over(hub.resolve("ep-1"), a));
}

TEST(PublishersIds, StandForOneEventOfEachTopicAndEachLife) {
  LoneHub hub(keeping(20));
  const auto repeated = [&](Topic topic) { return hub.publish(topic, {.data = "x", .id = "1"}).is_repeated(); };
  EXPECT_FALSE(repeated("a"));
  EXPECT_FALSE(repeated("b"));
  EXPECT_TRUE(repeated("a"));
  hub.finish("a").or_throw();
  EXPECT_TRUE(repeated("a")) << "the answer to an event and a finish was lost, and both are sent again";
  hub.finish("a").or_throw();
  EXPECT_EQ(hub.resolve("").sequence, 3u) << "nor does that finish it a second time";
  hub.begin("a").or_throw();
  EXPECT_FALSE(repeated("a"));
  EXPECT_TRUE(repeated("a"));
  EXPECT_TRUE(repeated("b"));
  hub.finish("a").or_throw();
  hub.publish("a", {.data = "anew"}).or_throw();
  EXPECT_FALSE(repeated("a")) << "an event begins it anew, too";
}

TEST(PublishersIds, StandForOneEventOfEachPublisher) {
  LoneHub hub(keeping(10));
  const auto repeated = [&](std::string_view publisher) {
    return hub.publish("a", {.data = "x", .id = "1"}, publisher).is_repeated();
  };
  EXPECT_FALSE(repeated("user ada"));
  EXPECT_FALSE(repeated("user bob"));
  EXPECT_FALSE(repeated("anonymous"));
  EXPECT_FALSE(repeated(""));
  for (const char* publisher : {"user ada", "user bob", "anonymous", ""}) EXPECT_TRUE(repeated(publisher)) << publisher;
}

TEST(PublishersIds, AreWhereTheirSubscribersResume) {
  LoneHub hub(keeping(5));
  const TopicFilter a = filter_of({"a"});
  const TopicFilter b = filter_of({"b"});
  hub.publish("a", {.data = "x", .id = "1"}).or_throw();
  hub.publish("b", {.data = "x", .id = "1"}).or_throw();
  EXPECT_EQ(hub.resolve("1", &a).sequence, 1u);
  EXPECT_EQ(hub.resolve("1", &b).sequence, 2u);
  const TopicFilter both = filter_of({"a", "b"});
  const TopicFilter all = filter_of({"*"});
  EXPECT_EQ(hub.resolve("1", &both).sequence, 1u) << "rather twice than never";
  EXPECT_EQ(hub.resolve("1", &all).sequence, 1u);
  const TopicFilter other = filter_of({"c"});
  EXPECT_EQ(hub.resolve("1", &other).gap_reason, "unknown");

  hub.finish("a").or_throw();
  hub.begin("a").or_throw();
  hub.publish("a", {.data = "anew", .id = "1"}).or_throw();
  EXPECT_EQ(hub.resolve("1", &a).sequence, 5u) << "of the life that is";
  hub.publish("c", {.data = "x"}).or_throw();  // the first of all leaves the log
  EXPECT_EQ(hub.resolve("1", &a).sequence, 5u);
  EXPECT_EQ(hub.resolve("1", &all).sequence, 2u);
}

}  // namespace
}  // namespace millrace::test
