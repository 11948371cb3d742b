// The state of topics, then what changes; retained topics; conflation.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "millrace/server/hub.h"
#include "millrace/server/indexed_store.h"
#include "millrace/server/invalid_option.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using Data = std::vector<std::string>;

void with_events(Server& server) {
  server.events("/events");
}

// The next `count` events' data.
Data next(StreamClient& stream, std::size_t count) {
  Data data;
  for (std::size_t i = 0; i < count; ++i) data.push_back(stream.next_data());
  return data;
}

// As `topic data` each.
void publish(Server& server, const std::vector<std::string>& events) {
  for (const std::string& event : events) {
    const std::size_t space = event.find(' ');
    server.hub().publish(event.substr(0, space), {.data = event.substr(space + 1)}).or_throw();
  }
}

ServerOptions keeping(std::size_t events) {
  return {.history = {.events = events}};
}

TEST(Latest, BringsTheNewestEventOfEachTopicAndThenWhatChanges) {
  RunningServer server({}, with_events);
  publish(*server, {"a a1", "b b1", "a a2", "c/x c1", "b b2", "d d1"});
  StreamClient all(server.port(), "/events?topic=**&lastEventId=latest");
  StreamClient some(server.port(), "/events?topic=b&topic=c/x&topic=none", "Last-Event-ID: latest\r\n");
  EXPECT_EQ(next(all, 4), (Data{"a2", "c1", "b2", "d1"}));
  EXPECT_EQ(next(some, 2), (Data{"c1", "b2"}));
  publish(*server, {"b b3", "b b4", "e e1"});
  EXPECT_EQ(next(all, 3), (Data{"b3", "b4", "e1"}));
  EXPECT_EQ(next(some, 2), (Data{"b3", "b4"}));
}

TEST(Latest, SendsNoCursorBeforeTheFirstEvent) {
  RunningServer server({}, with_events);
  publish(*server, {"a a1"});
  StreamClient stream(server.port(), "/events?topic=a&lastEventId=latest");
  EXPECT_EQ(stream.head().count("Last-Event-ID"), 0u);
  EXPECT_EQ(stream.next_data(), "a1");
  EXPECT_TRUE(stream.decoder().text().starts_with("retry: 3000\nid: ")) << stream.decoder().text();
}

TEST(Latest, LeavesFinishedTopicsOutUntilTheirNextEvent) {
  RunningServer server({}, with_events);
  publish(*server, {"a a1", "b b1"});
  server->hub().finish("a").or_throw();
  server->hub().begin("a").or_throw();
  StreamClient stream(server.port(), "/events?topic=*&lastEventId=latest");
  EXPECT_EQ(stream.next_data(), "b1") << "beginning anew brings nothing back";
  publish(*server, {"a a2"});
  EXPECT_EQ(stream.next_data(), "a2");
  StreamClient later(server.port(), "/events?topic=*&lastEventId=latest");
  EXPECT_EQ(next(later, 2), (Data{"b1", "a2"}));
}

TEST(Latest, AClientThatIsCutOffInTheMiddleGetsTheRest) {
  RunningServer server({}, with_events);
  publish(*server, {"a a1", "b b1", "c c1"});
  std::string id;
  {
    StreamClient stream(server.port(), "/events?topic=*&lastEventId=latest");
    id = stream.next()->id;
  }
  publish(*server, {"a a2"});
  StreamClient again(server.port(), "/events?topic=*&lastEventId=latest", "Last-Event-ID: " + id + "\r\n");
  EXPECT_EQ(next(again, 3), (Data{"b1", "c1", "a2"}));
  EXPECT_EQ(again.head().field("Last-Event-ID"), id);
}

TEST(Latest, IsAPollToo) {
  RunningServer server({}, with_events);
  publish(*server, {"a a1", "a a2", "b b1"});
  StreamClient poll(server.port(), "/events?topic=*&lastEventId=latest&mode=poll");
  EXPECT_EQ(next(poll, 3), (Data{"a2", "b1", "<end>"}));
}

TEST(Retained, TheNewestEventOutlivesTheLogsBounds) {
  ServerOptions options = keeping(3);
  options.history.retain = {"device/**"};
  RunningServer server(options, with_events);
  publish(*server, {"device/1 old", "device/1 on", "device/2 off"});
  const Publication retained{.topic = "asked", .event = {.data = "for", .id = "mine"}, .retain = true};
  server->hub().publish({&retained, 1}).front().or_throw();
  publish(*server, {"x 1", "x 2", "x 3", "x 4"});
  EXPECT_EQ(server->hub().statistics().retained_topics, 3u);

  StreamClient state(server.port(), "/events?topic=**&lastEventId=latest");
  EXPECT_EQ(next(state, 4), (Data{"on", "off", "for", "4"}));
  StreamClient everything(server.port(), "/events?topic=**&lastEventId=earliest");
  EXPECT_EQ(next(everything, 6), (Data{"on", "off", "for", "2", "3", "4"}));
  StreamClient behind(server.port(), "/events?topic=**", "Last-Event-ID: mine\r\n");
  const auto gap = behind.next();
  EXPECT_EQ(gap->type, "millrace.gap") << "x 1 is gone";
  EXPECT_EQ(next(behind, 3), (Data{"2", "3", "4"}));

  server->hub().finish("device/1").or_throw();
  publish(*server, {"device/2 on", "y 1", "y 2", "y 3"});
  StreamClient later(server.port(), "/events?topic=**&lastEventId=latest");
  EXPECT_EQ(next(later, 3), (Data{"for", "on", "3"})) << "finished, replaced, and what the log still has";
}

TEST(Retained, BeyondTheirBoundsAnEventIsRefusedAndNothingIsDropped) {
  ServerOptions options;
  options.history.max_retained_topics = 2;
  options.history.max_retained_topics_per_publisher = 2;
  options.publishing.anonymous = true;
  RunningServer server(options, with_events);
  const auto answer_to = [&](const std::string& body) {
    return RawClient(server.port()).exchange(post("/events", body));
  };
  EXPECT_EQ(answer_to(R"({"topic":"a","data":"1","retain":true})").status, 200);
  EXPECT_EQ(answer_to(R"({"topic":"b","data":"1","retain":true})").status, 200);
  const auto refused =
      answer_to("{\"topic\":\"x\",\"data\":\"first\"}\n{\"topic\":\"c\",\"data\":\"1\",\"retain\":true}");
  EXPECT_EQ(refused.status, 507);
  EXPECT_TRUE(nlohmann::json::parse(refused.body).at("error").get<std::string>().starts_with("retain: "));
  EXPECT_EQ(answer_to(R"({"topic":"a","data":"2","retain":true})").status, 200) << "in the place of the one before";
  EXPECT_EQ(answer_to(R"({"topic":"b","finish":true})").status, 200);
  EXPECT_EQ(answer_to(R"({"topic":"c","data":"1","retain":true})").status, 200);
  StreamClient state(server.port(), "/events?topic=**&lastEventId=latest");
  EXPECT_EQ(next(state, 2), (Data{"2", "1"})) << "and nothing of the refused request";
  options.history.max_retained_bytes = 100;
  RunningServer small(options, with_events);
  const std::string large = R"({"topic":"a","data":")" + std::string(100, 'x') + R"(","retain":true})";
  EXPECT_EQ(RawClient(small.port()).exchange(post("/events", large)).status, 507);
}

TEST(Retained, OnePublisherLeavesRoomForOthers) {
  ServerOptions options;
  options.history.max_retained_topics = 4;
  options.history.max_retained_bytes_per_publisher = 100;
  options.publishing.anonymous = true;
  RunningServer server(options, with_events);
  const auto answer = [&](const std::string& source, const std::string& body) {
    return RawClient(server.port(), 0, source).exchange(post("/events", body));
  };
  const auto retain = [&](const std::string& source, const std::string& topic, const std::string& data) {
    return answer(source, R"({"topic":")" + topic + R"(","data":")" + data + R"(","retain":true})");
  };
  EXPECT_EQ(retain("127.0.0.1", "a", "1").status, 200);
  EXPECT_EQ(retain("127.0.0.1", "b", "1").status, 200);
  const auto refused = retain("127.0.0.1", "c", "1");
  EXPECT_EQ(refused.status, 507);
  EXPECT_NE(refused.body.find("ServerOptions::history.max_retained_topics_per_publisher"), std::string::npos)
      << refused.body;
  EXPECT_EQ(retain("127.0.0.1", "a", "2").status, 200) << "in the place of the one before";
  EXPECT_EQ(retain("127.0.0.2", "c", "1").status, 200) << "another publisher";
  const auto large = retain("127.0.0.2", "c", std::string(100, 'x'));
  EXPECT_EQ(large.status, 507);
  EXPECT_NE(large.body.find("ServerOptions::history.max_retained_bytes_per_publisher"), std::string::npos)
      << large.body;
  const std::string long_data(200, 'x');
  const Publication own{.topic = Topic("d"), .event = {.data = long_data}, .retain = true};
  server->hub().publish({&own, 1}).front().or_throw();
  EXPECT_EQ(answer("127.0.0.2", R"({"topic":"b","data":"2"})").status, 200)
      << "replaces it by one that is not retained";
  EXPECT_EQ(retain("127.0.0.1", "b", "3").status, 200) << "so there is room again";
  EXPECT_EQ(answer("127.0.0.1", R"({"topic":"b","finish":true})").status, 200);
  EXPECT_EQ(retain("127.0.0.1", "e", "1").status, 200);
  EXPECT_EQ(retain("127.0.0.1", "f", "1").status, 507);
}

// Room that a refused request had taken would be lost for ever.
TEST(Retained, ARefusedRequestTakesNoShare) {
  ServerOptions options;
  options.history.max_retained_topics_per_publisher = 2;
  options.publishing.anonymous = true;
  RunningServer server(options, with_events);
  const auto answer = [&](const std::string& body) {
    return RawClient(server.port()).exchange(post("/events", body)).status;
  };
  const auto line = [](const std::string& topic) {
    return R"({"topic":")" + topic +
           R"(","data":"1","retain":true})"
           "\n";
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answer(line("a") + line("b") + line("c")), 507);
  EXPECT_EQ(answer(line("a") + line("a") + line("b") + R"({"topic":"b","finish":true})"), 200);
  EXPECT_EQ(answer(line("c")), 200);
  EXPECT_EQ(answer(line("d")), 507);
}

TEST(Retained, WhatCannotBeRetainedIsRefusedByName) {
  ServerOptions options;
  options.publishing.anonymous = true;
  RunningServer server(options, with_events);
  for (const auto& [body, sentence] : std::vector<std::pair<std::string, std::string>>{
           {R"({"topic":"millrace.mine","data":"1","retain":true})", "topic: topics that begin with \"millrace.\""},
           {R"({"topic":"a","data":"1","retain":"yes"})", "retain: must be true or false"},
           {R"({"topic":"a","data":"1","retain":1})", "retain: must be true or false"},
           {R"({"topic":"a","data":"1","retain":true,"retain":true})", "retain: given twice"},
           {R"({"topic":"a","finish":true,"retain":true})", "retain: there is no event to retain"},
       }) {
    const auto refused = RawClient(server.port()).exchange(post("/events", body));
    EXPECT_EQ(refused.status, 400) << body;
    const std::string error = nlohmann::json::parse(refused.body).at("error");
    EXPECT_TRUE(error.starts_with(sentence)) << error;
  }
  EXPECT_EQ(server->hub().statistics().entries, 0u);
  ServerOptions reserved;
  reserved.history.retain = {"a", "millrace.presence/**"};
  EXPECT_THROW(Server{reserved}, InvalidOption);
}

// As JetStream is one.
class RetainsNothing final : public IndexedStore {
 public:
  RetainsNothing() : IndexedStore(new_store_epoch(), {}, 100) {}

 private:
  void persist(std::span<const LogEntry>) override {}
};

TEST(Retained, IsRefusedWhereTheStoreCannot) {
  ServerOptions options;
  options.publishing.anonymous = true;
  options.store = std::make_shared<RetainsNothing>();
  {
    RunningServer server(options, with_events);
    const auto refused =
        RawClient(server.port()).exchange(post("/events", R"({"topic":"a","data":"1","retain":true})"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(nlohmann::json::parse(refused.body).at("error"), Hub::kRetainsNothing);
    EXPECT_EQ(server->hub().statistics().entries, 0u);
  }
  options.history.retain = {"a"};
  EXPECT_THROW(Server{options}, InvalidOption);
}

TEST(Retained, AnOldEventIsNotRetainedForANewOneThatIsNot) {
  RunningServer server(keeping(2), with_events);
  const Publication retained{.topic = "a", .event = {.data = "1"}, .retain = true};
  server->hub().publish({&retained, 1}).front().or_throw();
  publish(*server, {"a 2", "x 1", "x 2"});
  EXPECT_EQ(server->hub().statistics().retained_topics, 0u);
  StreamClient state(server.port(), "/events?topic=**&lastEventId=latest");
  EXPECT_EQ(state.next_data(), "2");
}

// A gap only where something is gone that nothing has replaced.
TEST(Latest, AStateThatIsCompleteHasNoGap) {
  RunningServer server(keeping(2), with_events);
  for (const char* topic : {"a", "b"}) {
    const Publication retained{
        .topic = *Topic::parse(std::string_view(topic)), .event = {.data = topic}, .retain = true};
    server->hub().publish({&retained, 1}).front().or_throw();
  }
  const std::string first = id_at(server->hub(), 1);
  for (int i = 0; i < 5; ++i) {
    const std::string number = std::to_string(i);
    const Publication retained{.topic = "c", .event = {.data = number}, .retain = true};
    server->hub().publish({&retained, 1}).front().or_throw();
  }
  StreamClient complete(server.port(), "/events?topic=*&lastEventId=latest", "Last-Event-ID: " + first + "\r\n");
  EXPECT_EQ(next(complete, 2), (Data{"b", "4"}));
  publish(*server, {"x 1", "y 1", "z 1"});
  StreamClient incomplete(server.port(), "/events?topic=*&lastEventId=latest", "Last-Event-ID: " + first + "\r\n");
  EXPECT_EQ(incomplete.next()->type, "millrace.gap") << "x 1 is gone";
  EXPECT_EQ(next(incomplete, 4), (Data{"b", "4", "1", "1"}));
}

// 10,000 topics, of which each has had several events.
TEST(Latest, IsReadFromAnIndex) {
  RunningServer server({}, with_events);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10'000; ++i) {
      server->hub().publish("t/" + std::to_string(i), {.data = std::to_string(round)}).or_throw();
    }
  }
  StreamClient stream(server.port(), "/events?topic=**&lastEventId=latest");
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(stream.next_data(), "2") << i;
  publish(*server, {"t/17 live"});
  EXPECT_EQ(stream.next_data(), "live");
}

TEST(Conflation, AnIntervalBringsTheNewestOfEachTopicOnce) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=*&conflate=200");
  for (int i = 1; i <= 500; ++i) publish(*server, {"a a" + std::to_string(i), "b b" + std::to_string(i)});
  std::size_t events = 0;
  std::string a;
  std::string b;
  while (a != "a500" || b != "b500") {
    const std::string data = stream.next_data();
    ASSERT_NE(data, "<end>");
    (data.starts_with("a") ? a : b) = data;
    ++events;
  }
  EXPECT_LE(events, 100u) << "far fewer than were published";
  server->hub().finish("a").or_throw();
  publish(*server, {"b on"});
  EXPECT_EQ(stream.next_data(), "on");
}

TEST(Conflation, AnIntervalEndsWithItsTopicsAndHasHeartbeats) {
  ServerOptions options;
  options.streams.heartbeat = Duration{100};
  options.streams.unacknowledged_timeout = Duration{100};
  RunningServer server(options, with_events);
  publish(*server, {"x 1", "x 2"});
  StreamClient stream(server.port(), "/events?topic=a&conflate=50");
  publish(*server, {"x 3"});
  const std::string cursor = id_at(server->hub(), 3);
  EXPECT_TRUE(stream.read_until([&](const StreamDecoder& decoder) {
    return decoder.text().find("id: " + cursor) != std::string::npos;
  })) << "what it does not want moves its cursor";
  publish(*server, {"a 1", "a last"});
  server->hub().finish("a").or_throw();
  std::string last;
  for (std::string data = stream.next_data(); data != "<end>"; data = stream.next_data()) last = data;
  EXPECT_EQ(last, "last");
}

// A client that does not read, and then does.
TEST(Conflation, ASlowClientGetsTheNewestInsteadOfEverything) {
  RunningServer server({}, with_events);
  const std::string filler(20'000, 'x');
  StreamClient slow(server.port(), "/events?topic=*&conflate", {}, 4'096);
  StreamClient keeping_up(server.port(), "/events?topic=done&conflate");
  for (int i = 0; i < 2'000; ++i) publish(*server, {"a " + std::to_string(i) + filler});
  publish(*server, {"b b", "done done"});
  EXPECT_EQ(keeping_up.next_data(), "done");
  std::size_t events = 0;
  std::string before_b;
  for (std::string data = slow.next_data(); data != "b"; data = slow.next_data()) {
    ASSERT_NE(data, "<end>");
    before_b = data;
    ++events;
  }
  EXPECT_EQ(before_b, "1999" + filler);
  EXPECT_LT(events, 1'900u);
  EXPECT_EQ(slow.next_data(), "done");
  EXPECT_EQ(slow.decoder().text().find("millrace.gap"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
