// One event published to several topics: one entry of the log, which each subscriber gets once.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "millrace/server/authorizer.h"
#include "millrace/server/hub.h"
#include "millrace/server/limits.h"
#include "millrace/server/stores/sqlite.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using Json = nlohmann::json;
using Data = std::vector<std::string>;

void with_events(Server& server) {
  server.events("/events");
}

// Without a store, and with one.
class SeveralTopics : public ::testing::TestWithParam<bool> {
 protected:
  ServerOptions options() {
    ServerOptions options = open_to_all();
    if (GetParam()) options.store = open_sqlite(folder_.path("log"));
    return options;
  }
  RawResponse publish(const std::string& body, std::string_view fields = {}) {
    return RawClient(server_.port()).exchange(post("/events", body, fields));
  }
  // The text of the events up to the one with the data `end`, behind the first block.
  static std::string text_up_to_end(StreamClient& stream) {
    EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) {
      return decoder.text().find("end") != std::string::npos && decoder.text().ends_with("\n\n");
    })) << stream.decoder().text();
    const std::string& text = stream.decoder().text();
    // Without an ID, the first block is a line.
    return text.substr(text.starts_with("retry: ") ? text.find('\n') + 1 : text.find("\n\n") + 2);
  }
  StreamClient stream(const std::string& query, const std::string& fields = {}) {
    return StreamClient(server_.port(), "/events?" + query, fields);
  }

  TemporaryFolder folder_;
  RunningServer server_{options(), with_events};
};

TEST_P(SeveralTopics, ReachEachSubscriberOnceLiveAndFromHistory) {
  auto both = stream("topic=a&topic=b");
  auto wild = stream("topic=*&topic=**&topic=a");
  auto second = stream("topic=b");
  auto other = stream("topic=c");
  const RawResponse answer = publish(R"({"topic":["a","b","x/y"],"data":"1"})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(Json::parse(answer.body).contains("id"));
  EXPECT_EQ(publish(R"({"topic":["b","c"],"data":"end"})").status, 200);
  for (StreamClient* one : {&both, &wild, &second}) {
    EXPECT_EQ(one->next()->data, "1");
    EXPECT_EQ(one->next()->data, "end");
  }
  EXPECT_EQ(other.next()->data, "end");
  for (const char* topics : {"topic=a&topic=b", "topic=**", "topic=*&topic=x/*", "topic=b"}) {
    auto again = stream(std::string(topics) + "&lastEventId=earliest");
    EXPECT_EQ(again.next()->data, "1") << topics;
    EXPECT_EQ(again.next()->data, "end") << topics;
  }
  EXPECT_EQ(server_->hub().statistics().publishes, 2u) << "one entry each";
}

TEST_P(SeveralTopics, AreNamedAsFarAsTheSubscriptionHasThem) {
  const auto read = [&](const std::string& when) {
    const std::string query = "&fields=topic" + when;
    return std::vector<std::string>{
        "topic=a" + query,    "topic=b&topic=x/*" + query,     "topic=**" + query,
        "topic=c/**" + query, "topic=**&envelope=json" + when, "topic=x/y&envelope=json" + when};
  };
  const std::vector<std::string> expected{"topic: a\nid: 1\ndata: end\n\n",
                                          "topic: b\tx/y\nid: 1\ndata: end\n\n",
                                          "topic: a\tb\tx/y\tc/d\nid: 1\ndata: end\n\n",
                                          "topic: c/d\nid: 1\ndata: end\n\n",
                                          "id: 1\ndata: {\"topic\":[\"a\",\"b\",\"x/y\",\"c/d\"],\"data\":\"end\"}\n\n",
                                          "id: 1\ndata: {\"topic\":\"x/y\",\"data\":\"end\"}\n\n"};
  std::deque<StreamClient> live;
  for (const std::string& query : read("")) live.emplace_back(server_.port(), "/events?" + query);
  EXPECT_EQ(publish(R"({"topic":["a","b","x/y","c/d"],"data":"end","id":"1"})").status, 200);
  for (std::size_t i = 0; i < live.size(); ++i) EXPECT_EQ(text_up_to_end(live[i]), expected[i]) << read("")[i];
  for (const std::string when : {"&lastEventId=earliest", "&lastEventId=latest"}) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      auto past = stream(read(when)[i]);
      EXPECT_EQ(text_up_to_end(past), expected[i]) << read(when)[i];
    }
  }
}

TEST_P(SeveralTopics, HaveAStateOfTheirOwnEach) {
  publish(R"({"topic":["a","b","c"],"data":"old","id":"1"})");
  publish(R"({"topic":"a","data":"end","id":"2"})");
  publish(R"({"topic":"c","finish":true})");
  auto state = stream("topic=**&lastEventId=latest&fields=topic");
  EXPECT_EQ(text_up_to_end(state), "topic: b\nid: 1\ndata: old\n\ntopic: a\nid: 2\ndata: end\n\n");
  auto of_a = stream("topic=a&lastEventId=latest&fields=topic");
  EXPECT_EQ(text_up_to_end(of_a), "topic: a\nid: 2\ndata: end\n\n");
}

TEST_P(SeveralTopics, AreFinishedTogetherButEachByItself) {
  auto only_a = stream("topic=a");
  auto both = stream("topic=a&topic=b");
  EXPECT_EQ(publish(R"({"topic":["a","b"],"data":"1","finish":true})").status, 200);
  EXPECT_EQ(only_a.next()->data, "1");
  EXPECT_FALSE(only_a.next()) << "it ends";
  EXPECT_EQ(both.next()->data, "1");
  EXPECT_FALSE(both.next());
  EXPECT_EQ(publish(R"({"topic":["b","c"],"data":"2"})").status, 200) << "b begins again";
  auto b_again = stream("topic=b&lastEventId=latest");
  EXPECT_EQ(b_again.next()->data, "2");
}

TEST_P(SeveralTopics, ShareThePublishersIdOrAreRefused) {
  EXPECT_EQ(publish(R"({"topic":["a","b"],"data":"1","id":"7"})").status, 200);
  const RawResponse repeated = publish(R"({"topic":["b","a"],"data":"1","id":"7"})");
  EXPECT_EQ(repeated.status, 200);
  EXPECT_TRUE(Json::parse(repeated.body).at("repeated"));
  EXPECT_TRUE(Json::parse(publish(R"({"topic":"b","data":"1","id":"7"})").body).at("repeated"));
  const RawResponse conflict =
      publish("{\"topic\":\"x\",\"data\":\"x\"}\n{\"topic\":[\"a\",\"c\"],\"data\":\"x\",\"id\":\"7\"}");
  EXPECT_EQ(conflict.status, 409);
  const std::string sentence = Json::parse(conflict.body).at("error");
  EXPECT_TRUE(sentence.starts_with("id: \"7\" is in use in topic \"a\"")) << sentence;
  EXPECT_EQ(
      publish("{\"topic\":\"d\",\"data\":\"x\",\"id\":\"8\"}\n{\"topic\":[\"d\",\"e\"],\"data\":\"x\",\"id\":\"8\"}")
          .status,
      409);
  EXPECT_EQ(server_->hub().statistics().publishes, 1u) << "nothing of a refused request";
  StreamClient resumed(server_.port(), "/events?topic=b", "Last-Event-ID: 7\r\n");
  EXPECT_EQ(publish(R"({"topic":"b","data":"next"})").status, 200);
  EXPECT_EQ(resumed.next()->data, "next");
}

TEST_P(SeveralTopics, AreNamedInOneWayAndWithinBounds) {
  const auto topics = [](std::size_t count, std::size_t bytes) {
    Json list = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
      std::string name = "t" + std::to_string(i) + "/";
      list.push_back(name + std::string(bytes - name.size(), 'x'));
    }
    return Json{{"topic", list}, {"data", "x"}}.dump();
  };
  EXPECT_EQ(publish(topics(kMaxTopicsPerEvent, 20)).status, 200);
  EXPECT_EQ(publish(topics(4, kMaxTopicBytesPerEvent / 4)).status, 200);
  EXPECT_EQ(publish(R"({"topic":["a"],"data":"x"})").status, 200);
  const std::vector<std::pair<std::string, std::string>> wrong{
      {topics(kMaxTopicsPerEvent + 1, 20), "topic: an array must have 1 to 16 topics, not 17"},
      {topics(5, 1'000), "topic: the topics of one event have 5000 bytes together, more than the limit of 4096"},
      {R"({"topic":[],"data":"x"})", "topic: an array must have 1 to 16 topics, not 0"},
      {R"({"topic":["a","b","a"],"data":"x"})", "topic: \"a\" is given twice"},
      {R"({"topic":["a",7],"data":"x"})", "topic: must be a string"},
      {R"({"topic":["a","b*"],"data":"x"})", "topic: must be 1 to 1024 bytes"},
      {R"({"topic":["a","millrace.x"],"data":"x"})", "topic: topics that begin with \"millrace.\" are reserved"},
      {R"({"topic":["a","a"],"finish":true})", "topic: \"a\" is given twice"},
      {R"({"topic":"a","topics":["b"],"data":"x"})", "\"topics\" is not a field of an event"}};
  for (const auto& [body, sentence] : wrong) {
    const RawResponse refused = publish(body);
    EXPECT_EQ(refused.status, 400) << body;
    const std::string error = Json::parse(refused.body).at("error");
    EXPECT_TRUE(error.starts_with(sentence)) << error;
  }
  EXPECT_EQ(server_->hub().statistics().publishes, 3u);
}

INSTANTIATE_TEST_SUITE_P(, SeveralTopics, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "InSqlite" : "InMemory"; });

// Allows what lies below `a`.
class OnlyBelowA final : public Authorizer {
 public:
  Decision decide(const httplib::Request&, Action, const TopicPatterns& topics) const override {
    const bool are_allowed = std::all_of(topics.begin(), topics.end(), [](const OwnedTopicPattern& topic) {
      return TopicPattern("a/**").covers(topic);
    });
    return are_allowed ? Decision::allow() : Decision::forbidden("only below a");
  }
};

TEST(SeveralTopicsOf, NeedTheRightToEachOfThem) {
  ServerOptions options;
  options.authorizer = std::make_shared<OnlyBelowA>();
  RunningServer server(options, with_events);
  const auto status = [&](const std::string& topics) {
    const std::string body = R"({"topic":)" + topics + R"(,"data":"x"})";
    return RawClient(server.port()).exchange(post("/events", body)).status;
  };
  EXPECT_EQ(status(R"(["a/1","a/2"])"), 200);
  EXPECT_EQ(status(R"(["a/1","b"])"), 403);
  EXPECT_EQ(status(R"(["b","a/1"])"), 403);
}

TEST(SeveralTopicsOf, CountForEachInAPublishersRate) {
  ServerOptions options = open_to_all();
  options.publishing.rate = 0.001;
  options.publishing.burst = 4;
  RunningServer server(options, with_events);
  const auto status = [&](const std::string& body) {
    return RawClient(server.port()).exchange(post("/events", body)).status;
  };
  EXPECT_EQ(status(R"({"topic":["a","b","c"],"data":"x"})"), 200);
  EXPECT_EQ(status(R"({"topic":["a","b","c"],"data":"x"})"), 429);
}

TEST(SeveralTopicsOf, AnEventArePublishedByAProgram) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=books/*&topic=authors/*&fields=topic");
  const std::vector<OwnedTopic> made{OwnedTopic::parse("books/" + std::to_string(1)).value(),
                                     OwnedTopic::parse("authors/" + std::to_string(7)).value()};
  const std::vector<Topic> topics(made.begin(), made.end());
  EXPECT_EQ(server->hub().publish(topics, {.data = "x", .id = "1"}).or_throw().outcome, Published::Outcome::kPublished);
  EXPECT_TRUE(server->hub().publish(topics, {.data = "x", .id = "1"}).is_repeated());
  EXPECT_EQ(stream.next()->data, "x");
  const std::vector<Topic> others{"books/1", "authors/8"};
  const Published conflict = server->hub().publish(others, {.data = "x", .id = "1"});
  EXPECT_EQ(conflict.outcome, Published::Outcome::kIdInUse);
  EXPECT_THROW(conflict.or_throw(), IdConflict);
  EXPECT_EQ(server->hub().publish(std::vector<Topic>(), {.data = "x"}).outcome, Published::Outcome::kRefused);
  const Publication marks{.topic = "a", .further_topics = others, .kind = Publication::Kind::kFinish};
  EXPECT_EQ(server->hub().publish({&marks, 1}).front().sentence,
            "topic: finishing or beginning concerns one topic; publish one mark for each topic");
}

}  // namespace
}  // namespace millrace::test
