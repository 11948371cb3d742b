// POST on an events route: what is published, and what is refused and leaves no trace.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/server/limits.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using Json = nlohmann::json;

class Publishing : public ::testing::Test {
 protected:
  static void with_events(Server& server) { server.events("/events"); }

  RawResponse publish(const std::string& body, std::string_view fields = {}) {
    return client_.exchange(post("/events", body, fields));
  }

  // Everything that has ever been published.
  std::vector<std::string> published() {
    StreamClient stream(server_.port(), "/events?topic=**", "Last-Event-ID: earliest\r\n");
    server_->hub().publish("end", {.data = "end"}).or_throw();
    std::vector<std::string> data;
    for (auto event = stream.next(); event && event->data != "end"; event = stream.next()) data.push_back(event->data);
    return data;
  }

  void expect_refused(int status, const std::string& blamed, const std::string& body) {
    const RawResponse response = publish(body);
    EXPECT_EQ(response.status, status) << body;
    EXPECT_EQ(response.field("Content-Type"), "application/json") << body;
    const Json answer = Json::parse(response.body);
    ASSERT_EQ(answer.size(), 1u);
    EXPECT_NE(answer.at("error").get<std::string>().find(blamed), std::string::npos) << response.body;
  }

  RunningServer server_{open_to_all(), with_events};
  RawClient client_{server_.port()};
};

using Data = std::vector<std::string>;

TEST_F(Publishing, AnswersWithTheEventsId) {
  StreamClient stream(server_.port(), "/events?topic=a");
  const RawResponse given = publish(R"({"topic":"a","data":"1","event":"t","retry":50})");
  EXPECT_EQ(given.status, 200);
  EXPECT_EQ(given.field("Content-Type"), "application/json");
  const std::string id = Json::parse(given.body).at("id");
  EXPECT_EQ(stream.next(), (Received{"t", "1", id}));
  EXPECT_EQ(stream.decoder().retry(), Duration{50});
  EXPECT_EQ(publish(R"({"topic":"a","data":{"n": 2},"id":"mine"})").body,
            "{\"id\":\"mine\",\"durability\":\"memory\"}\n");
  EXPECT_EQ(stream.next(), (Received{"message", "{\"n\":2}", "mine"}));
}

TEST_F(Publishing, ARepeatedIdIsAnsweredButNotPublishedAgain) {
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = publish(R"({"topic":"a","data":")" + std::to_string(i) + R"(","id":"7"})");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, i == 0 ? "{\"id\":\"7\",\"durability\":\"memory\"}\n"
                                    : "{\"id\":\"7\",\"repeated\":true,\"durability\":\"memory\"}\n");
  }
  EXPECT_EQ(published(), Data{"0"});
  EXPECT_EQ(
      publish("{\"topic\":\"a\",\"data\":\"x\",\"id\":\"7\"}\n{\"topic\":\"a\",\"data\":\"y\",\"id\":\"8\"}").body,
      "{\"id\":\"7\",\"repeated\":true,\"durability\":\"memory\"}\n{\"id\":\"8\",\"durability\":\"memory\"}\n")
      << "said of the line that it is true of";
}

// Otherwise a publisher of one topic could use up the IDs of other topics, and so suppress their events.
TEST_F(Publishing, AnIdIsItsTopicsOwn) {
  publish(R"({"topic":"mine","data":"first","id":"order-1001"})");
  EXPECT_EQ(publish(R"({"topic":"yours","data":"second","id":"order-1001"})").body,
            "{\"id\":\"order-1001\",\"durability\":\"memory\"}\n");
  EXPECT_EQ(published(), (Data{"first", "second"}));
  publish(R"({"topic":"yours","data":"third"})");
  StreamClient yours(server_.port(), "/events?topic=yours", "Last-Event-ID: order-1001\r\n");
  EXPECT_EQ(yours.next_data(), "third");
  StreamClient wild(server_.port(), "/events?topic=*", "Last-Event-ID: order-1001\r\n");
  EXPECT_EQ(wild.next_data(), "second") << "where several match, the oldest counts";
  // Nor can anybody find out by it what is in topics that are not theirs.
  std::vector<std::string> answers;
  for (const char* id : {"order-1001", "order-9999"}) {
    StreamClient other(server_.port(), "/events?topic=others/**", "Last-Event-ID: " + std::string(id) + "\r\n");
    const auto gap = other.next();
    ASSERT_TRUE(gap);
    EXPECT_EQ(gap->type, "millrace.gap");
    answers.push_back(gap->data.substr(gap->data.find("reason")));
  }
  EXPECT_EQ(answers[0], answers[1]);
}

TEST_F(Publishing, AnswersEachLineWithALine) {
  const RawResponse response =
      publish("{\"topic\":\"a\",\"data\":\"1\",\"id\":\"x\"}\n\n{\"topic\":\"b\",\"data\":\"2\",\"id\":\"y\"}\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(response.body, "{\"id\":\"x\",\"durability\":\"memory\"}\n{\"id\":\"y\",\"durability\":\"memory\"}\n");
  EXPECT_EQ(published(), (Data{"1", "2"}));
}

TEST_F(Publishing, OneBadLineAndNothingIsPublished) {
  const std::string good = R"({"topic":"a","data":"1"})";
  expect_refused(400, "line 2: topic:", good + "\n" + R"({"topic":"","data":"1"})" + "\n" + good);
  EXPECT_EQ(published(), Data{});
}

TEST_F(Publishing, BadInputIsNamedAndLeavesNoTrace) {
  expect_refused(400, "JSON", "");
  expect_refused(400, "JSON", "{");
  expect_refused(400, "object", "[]");
  expect_refused(400, "JSON", "\xff");
  expect_refused(400, "topic:", R"({"data":"x"})");
  expect_refused(400, "topic:", R"({"topic":"a/*","data":"x"})");
  expect_refused(400, "data:", R"({"topic":"a"})");
  expect_refused(400, "event:", R"({"topic":"a","data":"x","event":"a\nid: 5"})");
  expect_refused(400, "id:", R"({"topic":"a","data":"x","id":"5\rdata: y"})");
  expect_refused(400, "id:", R"({"topic":"a","data":"x","id":"\u0000"})");
  expect_refused(400, "id:", R"({"topic":"a","data":"x","id":"earliest"})");
  expect_refused(400, "event:", R"({"topic":"a","data":"x","event":"millrace.gap"})");
  expect_refused(400, "retry:", R"({"topic":"a","data":"x","retry":99999999999})");
  expect_refused(400, "\"extra\"", R"({"topic":"a","data":"x","extra":1})");
  expect_refused(400, "deep", R"({"topic":"a","data":)" + std::string(100'000, '['));
  EXPECT_EQ(published(), Data{});
}

// What is not promised is refused before it is taken.
TEST_F(Publishing, RefusesADurabilityThatTheServerDoesNotPromise) {
  expect_refused(400, "durability: the server promises \"memory\", which does not cover \"process\"",
                 R"({"topic":"a","data":"x","durability":"process"})");
  expect_refused(400, "durability:", R"({"topic":"a","finish":true,"durability":"quorum+disk"})");
  expect_refused(400, "line 2: durability:",
                 "{\"topic\":\"a\",\"data\":\"1\"}\n{\"topic\":\"a\",\"data\":\"2\",\"durability\":\"disk\"}");
  expect_refused(400, "durability: \"always\" is not a level; expected memory, process, disk, quorum or quorum+disk",
                 R"({"topic":"a","data":"x","durability":"always"})");
  expect_refused(400, "durability:", R"({"topic":"a","data":"x","durability":1})");
  EXPECT_EQ(published(), Data{});
  EXPECT_EQ(publish(R"({"topic":"a","data":"x","durability":"memory"})").status, 200);
  EXPECT_EQ(publish(R"({"topic":"a","finish":true})").body, "{\"durability\":\"memory\"}\n");
  const Publication strict{.topic = "b", .event = {.data = "x"}, .durability = Durability::kDisk};
  const Published refused = server_->hub().publish({&strict, 1}).front();
  EXPECT_EQ(refused.outcome, Published::Outcome::kRefused);
  EXPECT_EQ(refused.sentence.find("durability: "), 0u) << refused.sentence;
}

TEST_F(Publishing, RefusesAnEncodingItCannotRead) {
  const std::string body = R"({"topic":"a","data":"x"})";
  for (const char* encoding : {"zstd", "compress", "gzip, gzip", "x"}) {
    const RawResponse response = publish(body, "Content-Encoding: " + std::string(encoding) + "\r\n");
    EXPECT_EQ(response.status, 415) << encoding;
    EXPECT_NE(response.body.find("Content-Encoding"), std::string::npos) << response.body;
    client_ = RawClient(server_.port());
  }
  EXPECT_EQ(published(), Data{});
  EXPECT_EQ(publish(body, "Content-Encoding: identity\r\n").status, 200);
}

TEST_F(Publishing, RefusesIdsThatNoClientCouldSendBack) {
  expect_refused(400, "Last-Event-ID", R"({"topic":"a","data":"x","id":" 5"})");
  expect_refused(400, "Last-Event-ID", R"({"topic":"a","data":"x","id":"5\t"})");
  expect_refused(400, "Last-Event-ID", R"({"topic":"a","data":"x","id":"5\u0001"})");
  EXPECT_EQ(published(), Data{});
}

TEST_F(Publishing, LeavesMillracesOwnTopicsAlone) {
  expect_refused(400, "topic:", R"({"topic":"millrace.presence/a","data":"x"})");
  expect_refused(400, "topic:", R"({"topic":"millrace.presence","finish":true})");
}

TEST_F(Publishing, NoDataCanInjectAField) {
  StreamClient stream(server_.port(), "/events?topic=a");
  publish(R"({"topic":"a","data":"x\nid: evil\r\revent: evil\n\ndata: y","id":"good"})");
  EXPECT_EQ(stream.next(), (Received{"message", "x\nid: evil\n\nevent: evil\n\ndata: y", "good"}));
}

TEST_F(Publishing, TakesABodyInChunks) {
  client_.send(
      "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "a\r\n{\"topic\":\"\r\n6\r\na\",\"da\r\n8\r\nta\":\"1\"}\r\n0\r\n\r\n");
  EXPECT_EQ(client_.read_response().status, 200);
  EXPECT_EQ(published(), Data{"1"});
}

TEST_F(Publishing, ABodyThatIsTooLargeIsRefused) {
  const auto body_of = [](std::size_t size) {
    std::string body = R"({"topic":"a","data":")";
    body.append(size - body.size() - 2, 'x');
    return body + "\"}";
  };
  EXPECT_EQ(publish(body_of(kMaxPublishBytes)).status, 200);
  for (const std::size_t size : {kMaxPublishBytes + 1, 3 * kMaxPublishBytes}) {
    RawClient client(server_.port());
    client.send(post("/events", body_of(size)));
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, 413) << size;
    EXPECT_NE(Json::parse(response.body).at("error").get<std::string>().find("body:"), std::string::npos);
  }
  EXPECT_EQ(published().size(), 1u);
}

TEST_F(Publishing, WhatUnpacksToTooMuchIsRefused) {
  httplib::Client client("127.0.0.1", server_.port());
  client.set_compress(true);
  const std::string bomb = R"({"topic":"a","data":")" + std::string(20'000'000, 'x') + "\"}";
  const auto refused = client.Post("/events", bomb, "application/json");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
  const auto accepted = client.Post("/events", R"({"topic":"a","data":"1"})", "application/json");
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->status, 200);
  EXPECT_EQ(published(), Data{"1"});
}

TEST_F(Publishing, ABodyThatIsNotWhatItsHeadersSayIsRefused) {
  for (const char* fields : {"Content-Encoding: gzip\r\n", "Content-Type: multipart/form-data; boundary=b\r\n",
                             "Content-Type: multipart/form-data\r\n"}) {
    RawClient client(server_.port());
    client.send(post("/events", R"({"topic":"a","data":"1"})", fields));
    const RawResponse response = client.read_response();
    EXPECT_GE(response.status, 400) << fields;
    EXPECT_LT(response.status, 500) << fields;
    EXPECT_TRUE(Json::accept(response.body)) << fields << response.body;
  }
  EXPECT_EQ(published(), Data{});
}

TEST_F(Publishing, IsForbiddenUnlessItWasSwitchedOn) {
  RunningServer server({}, with_events);
  RawClient client(server.port());
  const RawResponse response = client.exchange(post("/events", R"({"topic":"a","data":"1"})"));
  EXPECT_EQ(response.status, 403);
  EXPECT_NE(Json::parse(response.body).at("error").get<std::string>().find("ServerOptions::publishing.anonymous"),
            std::string::npos);
  EXPECT_EQ(server->hub().publish("a", {.data = "x"}).id.back(), '1') << "nothing was published before";
}

TEST_F(Publishing, FinishesATopic) {
  StreamClient stream(server_.port(), "/events?topic=a");
  EXPECT_EQ(publish(R"({"topic":"a","data":"last","finish":true})").status, 200);
  EXPECT_EQ(stream.next_data(), "last");
  EXPECT_TRUE(stream.read_to_end());
}

}  // namespace
}  // namespace millrace::test
