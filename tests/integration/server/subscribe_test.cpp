// GET on an events route: what a subscriber gets, from the first byte to the last.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/server/hub.h"
#include "millrace/server/limits.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using Json = nlohmann::json;

void with_events(Server& server) {
  server.events("/events");
}

std::string last_event_id(std::string_view id) {
  return "Last-Event-ID: " + std::string(id) + "\r\n";
}

TEST(Subscribing, IsAnsweredAtOnceWithAHeadAndTheCursor) {
  RunningServer server({}, with_events);
  server->hub().publish("orders", {.data = "before"}).or_throw();
  const StreamClient stream(server.port(), "/events?topic=orders");
  EXPECT_TRUE(stream.head().head.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(stream.head().field("Content-Type"), "text/event-stream");
  EXPECT_EQ(stream.head().field("Cache-Control"), "no-store, no-transform");
  EXPECT_EQ(stream.head().field("X-Accel-Buffering"), "no");
  EXPECT_EQ(stream.head().field("Millrace-Heartbeat"), "15") << "whole seconds";
  EXPECT_EQ(stream.head().field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(stream.head().count("Connection"), 0u) << "with `close`, Node.js's fetch takes a cut for the end";
  EXPECT_EQ(stream.head().count("Content-Length"), 0u);
  const std::string cursor = id_at(server->hub(), 1);
  EXPECT_EQ(cursor.size(), std::string("epoch678-1").size());
  EXPECT_EQ(stream.decoder().text(), "event: millrace.cursor\nid: " + cursor + "\nretry: 3000\ndata:\n\n");
  EXPECT_EQ(stream.head().field("Last-Event-ID"), cursor) << "for clients that get the head and no more";
}

// Everything but events that a stream says by itself: beginning, heartbeat, end.
std::string said_to(int port, Hub& hub, const std::string& parameter, const std::string& fields = {}) {
  StreamClient stream(port, "/events?topic=job" + parameter, fields);
  EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) { return decoder.chunks() >= 2; }));
  hub.finish("job").or_throw();
  EXPECT_TRUE(stream.read_to_end());
  hub.begin("job").or_throw();
  EXPECT_TRUE(stream.decoder().events().empty());
  return stream.decoder().text();
}

std::string beginning_of(const std::string& text) {
  return text.substr(0, text.find(' '));
}

TEST(CursorForm, IsTheClientsToChooseAndElseTheServers) {
  for (const CursorForm servers : {CursorForm::kId, CursorForm::kEvent, CursorForm::kNone}) {
    ServerOptions options;
    options.streams.cursor = servers;
    options.streams.heartbeat = Duration{50};
    options.streams.gzip = true;
    RunningServer server(options, with_events);
    const auto said = [&](const std::string& parameter, const std::string& fields = {}) {
      return said_to(server.port(), server->hub(), parameter, fields);
    };
    for (const char* const fields : {"", "Accept-Encoding: gzip\r\n"}) {
      const std::string ids = said("&cursor=id", fields);
      EXPECT_TRUE(ids.starts_with("retry: 3000\nid: ")) << ids;
      EXPECT_EQ(ids.find("millrace.cursor"), std::string::npos) << ids;
      EXPECT_EQ(ids.find("data"), std::string::npos) << ids;
      const std::string events = said("&cursor=event", fields);
      EXPECT_TRUE(events.starts_with("event: millrace.cursor\nid: ")) << events;
      EXPECT_TRUE(events.ends_with("\ndata:\n\n")) << events;
      const std::string nothing = said("&cursor=none", fields);
      EXPECT_TRUE(nothing.starts_with("retry: 3000\n:\n")) << nothing;
      EXPECT_EQ(nothing.find("\n\n"), std::string::npos) << nothing;
      EXPECT_EQ(nothing.find("id"), std::string::npos) << nothing;
    }
    const char* const begins[] = {"retry:", "event:", "retry:"};
    EXPECT_EQ(beginning_of(said("")), begins[static_cast<std::size_t>(servers)]);
    EXPECT_EQ(said("").find("id:") == std::string::npos, servers == CursorForm::kNone);
  }
}

TEST(CursorForm, IsTheHandlersToChooseBeforeAll) {
  RunningServer server({}, [](Server& it) {
    it.Get("/mine", [&it](const httplib::Request& request, httplib::Response& response) {
      it.subscribe(request, response, {.topics = {"a"}, .cursor = CursorForm::kId});
    });
    it.Get("/theirs", [&it](const httplib::Request& request, httplib::Response& response) {
      it.subscribe(request, response, {.topics = {"a"}});
    });
  });
  EXPECT_TRUE(StreamClient(server.port(), "/mine?cursor=event").decoder().text().starts_with("retry: 3000\nid: "));
  EXPECT_TRUE(StreamClient(server.port(), "/theirs?cursor=id").decoder().text().starts_with("retry: 3000\nid: "));
  EXPECT_EQ(StreamClient(server.port(), "/theirs").decoder().cursors(), 1u);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/theirs?cursor=ID")).status, 400);
}

TEST(CursorForm, APollHasItToo) {
  RunningServer server({}, with_events);
  for (const char* const form : {"id", "event", "none"}) {
    StreamClient waiting(server.port(), std::string("/events?topic=a&mode=poll&cursor=") + form);
    const std::string cursor = waiting.head().field("Last-Event-ID");
    EXPECT_EQ(waiting.decoder().last_event_id(), form == std::string("none") ? "" : cursor);
    const std::string id = server->hub().publish("a", {.data = "1"}).id;
    EXPECT_EQ(waiting.next(), (Received{.data = "1", .id = id})) << form;
    EXPECT_TRUE(waiting.read_to_end()) << form;
    StreamClient back(server.port(), "/events?topic=a&mode=poll", last_event_id(cursor));
    EXPECT_EQ(back.next_data(), "1") << "from the header's cursor, " << form;
  }
}

TEST(LastEventIdHeader, IsTheCursorOfTheFirstBlockAndNeverBeyondAGap) {
  ServerOptions options;
  options.history.events = 3;
  RunningServer server(options, with_events);
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(server->hub().publish("a", {.data = std::to_string(i)}).id);
  const auto header = [&](const std::string& fields) {
    const StreamClient stream(server.port(), "/events?topic=a", fields);
    EXPECT_EQ(stream.head().count("Last-Event-ID"), stream.head().field("Last-Event-ID").empty() ? 0u : 1u);
    return stream.head().field("Last-Event-ID");
  };
  EXPECT_EQ(header(""), ids[5]);
  EXPECT_EQ(header(last_event_id(ids[4])), ids[4]);
  EXPECT_EQ(header(last_event_id("earliest")), ids[2]) << "where the oldest event is the next one";
  EXPECT_EQ(header(last_event_id(ids[0])), "") << "expired";
  EXPECT_EQ(header(last_event_id("nobody-1")), "") << "unknown";
  RawClient client(server.port());
  client.send("HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.read_response(false).field("Last-Event-ID"), ids[5]);
}

TEST(LastEventIdHeader, CanBeReadByPagesOfOtherOrigins) {
  ServerOptions options;
  options.cors.origins = {"https://app.example"};
  RunningServer server(options, with_events);
  const StreamClient stream(server.port(), "/events?topic=a", "Origin: https://app.example\r\n");
  EXPECT_NE(stream.head().field("Access-Control-Expose-Headers").find("Last-Event-ID"), std::string::npos);
}

TEST(Subscribing, EveryOpenStreamGetsWhatIsPublished) {
  RunningServer server({}, with_events);
  std::vector<StreamClient> streams;
  for (int i = 0; i < 20; ++i) streams.emplace_back(server.port(), "/events?topic=a");
  EXPECT_EQ(server->open_streams(), 20u);
  const std::string id = server->hub().publish("a", {.type = "t", .data = "one\ntwo"}).id;
  for (StreamClient& stream : streams) EXPECT_EQ(stream.next(), (Received{"t", "one\ntwo", id}));
}

TEST(Subscribing, AStreamGetsTheTopicsItAskedForAndNoOther) {
  RunningServer server({}, with_events);
  StreamClient plain(server.port(), "/events?topic=stocks/a");
  StreamClient several(server.port(), "/events?topic=stocks/b&topic=news&topic=stocks/b");
  StreamClient wild(server.port(), "/events?topic=stocks/*");
  StreamClient escaped(server.port(), "/events?topic=%73tocks%2F**&topic=caf%C3%A9+%26");
  for (const char* topic : {"stocks/a", "stocks/b", "stocks/b/c", "news", "stocks", "caf\xc3\xa9 &"}) {
    server->hub().publish(*Topic::parse(topic), {.data = topic}).or_throw();
  }
  const auto expect = [](StreamClient& stream, const std::vector<std::string>& topics) {
    for (const std::string& topic : topics) EXPECT_EQ(stream.next_data(), topic);
  };
  expect(plain, {"stocks/a"});
  expect(several, {"stocks/b", "news"});
  expect(wild, {"stocks/a", "stocks/b"});
  expect(escaped, {"stocks/a", "stocks/b", "stocks/b/c", "caf\xc3\xa9 &"});
  server->stop();
  EXPECT_EQ(plain.next_data(), "<end>");
  EXPECT_EQ(wild.next_data(), "<end>");
}

TEST(Subscribing, WhatMakesNoSubscriptionIsRefusedByName) {
  RunningServer server({}, with_events);
  std::string many = "/events?topic=a";
  for (std::size_t i = 0; i < kMaxTopicsPerSubscription; ++i) many += "&topic=a" + std::to_string(i);
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"/events", "topic:"},
      {"/events?", "topic:"},
      {"/events?topic", "topic:"},
      {"/events?topic=", "topic:"},
      {"/events?topic=a&topic=", "topic:"},
      {"/events?topic=a&cursor=header", "cursor:"},
      {"/events?topic=a&cursor=event,id", "cursor:"},
      {"/events?topic=a*", "topic:"},
      {"/events?topic=**/a", "topic:"},
      {"/events?topic=a%0Ab", "topic:"},
      {"/events?topic=a%00", "topic:"},
      {"/events?topic=%ff", "topic:"},
      {"/events?topic=" + std::string(kMaxTopicBytes + 1, 'a'), "topic:"},
      {many, "topic:"},
      {"/events?topic=a&client=" + std::string(kMaxClientNameBytes + 1, 'c'), "client:"},
      {"/events?topic=a&mode=push", "mode:"},
      {"/events?topic=a&mode=", "mode:"},
      {"/events?topic=a&mode=poll&mode=push", "mode:"},
      {"/events?topic=a&cursor=", "cursor:"},
      {"/events?topic=a&cursor=header&cursor=id", "cursor:"},
      {"/events?topic=a&note=Ada", "note:"},
      {"/events?topic=a&note=%5B1%5D", "note:"},
      {"/events?topic=a&note=%7B%22name%22:%22" + std::string(kMaxNoteBytes, 'a') + "%22%7D", "note:"},
      {"/events?topic=a&fields=", "fields:"},
      {"/events?topic=a&fields=x&fields=topic", "fields:"},
      {"/events?topic=a&envelope=", "envelope:"},
      {"/events?topic=a&envelope=json&envelope=xml", "envelope:"},
      {"/events?topic=a&conflate=0&conflate=250", "conflate:"},
      {"/events?topic=a&conflate=250.5", "conflate:"},
      {"/events?topic=a&fields=data", "fields:"},
      {"/events?topic=a&fields=topic,id", "fields:"},
      {"/events?topic=a&fields=topic&fields=x", "fields:"},
      {"/events?topic=a&envelope=xml", "envelope:"},
      {"/events?topic=a&envelope=JSON", "envelope:"},
      {"/events?topic=a&conflate=0", "conflate:"},
      {"/events?topic=a&conflate=-1", "conflate:"},
      {"/events?topic=a&conflate=3600001", "conflate:"},
      {"/events?topic=a&conflate=1e3", "conflate:"},
      {"/events?topic=a&conflate=99999999999999999999", "conflate:"},
      {"/events?topic=a&conflate=true", "conflate:"},
  };
  RawClient client(server.port());
  for (const auto& [target, blamed] : requests) {
    const RawResponse response = client.exchange(get(target));
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_EQ(response.field("Content-Type"), "application/json") << target;
    EXPECT_TRUE(Json::parse(response.body).at("error").get<std::string>().starts_with(blamed)) << response.body;
  }
  EXPECT_EQ(server->open_streams(), 0u);
}

TEST(Subscribing, HeadIsAnsweredAndOpensNothing) {
  RunningServer server({}, with_events);
  RawClient client(server.port());
  client.send("HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const RawResponse response = client.read_response(false);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(server->open_streams(), 0u);
  client.send("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.read_response(false).status, 400);
}

TEST(Subscribing, AnHttp10ClientGetsAnUnframedStream) {
  RunningServer server({}, with_events);
  StreamClient stream(RawClient(server.port()), "GET /events?topic=a HTTP/1.0\r\n\r\n");
  EXPECT_EQ(stream.head().count("Transfer-Encoding"), 0u);
  EXPECT_EQ(stream.head().field("Connection"), "close");
  server->hub().publish("a", {.data = "1"}).or_throw();
  EXPECT_EQ(stream.next_data(), "1");
  server->hub().finish("a").or_throw();
  EXPECT_EQ(stream.next_data(), "<end>");
}

TEST(Subscribing, AClientThatLeavesIsNoticed) {
  RunningServer server({}, with_events);
  {
    StreamClient leaving(server.port(), "/events?topic=a");
    StreamClient resetting(server.port(), "/events?topic=a");
    resetting.client().reset();
  }
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
}

TEST(Subscribing, WhatAClientSaysOnAnOpenStreamIsIgnored) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=a");
  stream.client().send(get("/events?topic=b") + std::string(100'000, 'x'));
  server->hub().publish("b", {.data = "b"}).or_throw();
  server->hub().publish("a", {.data = "a"}).or_throw();
  EXPECT_EQ(stream.next_data(), "a");
}

TEST(Subscribing, DisconnectCutsTheStreamsOfOneClient) {
  RunningServer server({}, with_events);
  StreamClient ann(server.port(), "/events?topic=a&client=ann");
  StreamClient ann_too(server.port(), "/events?topic=b&client=ann");
  StreamClient bob(server.port(), "/events?topic=a&client=bob");
  StreamClient nameless(server.port(), "/events?topic=a");
  EXPECT_EQ(server->disconnect("nobody"), 0u);
  EXPECT_EQ(server->disconnect("ann"), 2u);
  EXPECT_FALSE(ann.read_to_end()) << "cut, not ended: the client will resume";
  EXPECT_FALSE(ann_too.read_to_end());
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 2; }));
  server->hub().publish("a", {.data = "on"}).or_throw();
  EXPECT_EQ(bob.next_data(), "on");
  EXPECT_EQ(nameless.next_data(), "on");
}

// --- Heartbeats -----------------------------------------------------------------------------------------------------

TEST(Heartbeat, CarriesTheCursorOfAQuietTopicPastTheOthersTraffic) {
  ServerOptions options;
  options.streams.heartbeat = Duration{50};
  options.history.events = 20;
  RunningServer server(options, with_events);
  StreamClient quiet(server.port(), "/events?topic=quiet");
  ASSERT_TRUE(quiet.read_until([](const StreamDecoder& decoder) { return decoder.chunks() >= 2; })) << "it is live";
  std::string last;
  for (int i = 0; i < 100; ++i) last = server->hub().publish("noisy", {.data = "x"}).id;
  EXPECT_TRUE(quiet.read_until([&](const StreamDecoder& decoder) { return decoder.last_event_id() == last; }));
  EXPECT_TRUE(quiet.decoder().events().empty());
  quiet.client().reset();
  server->hub().publish("quiet", {.data = "missed"}).or_throw();
  for (int i = 0; i < 15; ++i) server->hub().publish("noisy", {.data = "x"}).or_throw();
  StreamClient back(server.port(), "/events?topic=quiet", last_event_id(last));
  EXPECT_EQ(back.next_data(), "missed") << "and no gap";
}

TEST(Heartbeat, KeepsComingOnAQuietStream) {
  ServerOptions options;
  options.streams.heartbeat = Duration{50};
  RunningServer server(options, with_events);
  StreamClient stream(server.port(), "/events?topic=a");
  EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) { return decoder.chunks() >= 4; }));
  EXPECT_TRUE(stream.decoder().events().empty());
}

// --- Ends -----------------------------------------------------------------------------------------------------------

TEST(FinishedTopic, EndsItsStreamsAndIsOverForClientsThatReconnect) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=job");
  StreamClient wild(server.port(), "/events?topic=*");
  const std::string id = server->hub().publish("job", {.data = "last"}).id;
  server->hub().finish("job").or_throw();
  EXPECT_EQ(stream.next_data(), "last");
  EXPECT_TRUE(stream.read_to_end()) << "with its last chunk";
  EXPECT_EQ(wild.next_data(), "last");
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 1; }));

  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/events?topic=job", last_event_id(id))).status, 204);
  EXPECT_EQ(client.exchange(get("/events?topic=job", last_event_id(stream.decoder().last_event_id()))).status, 204);
  StreamClient late(server.port(), "/events?topic=job", last_event_id("earliest"));
  EXPECT_EQ(late.next_data(), "last");
  EXPECT_TRUE(late.read_to_end());
}

TEST(ProgramsStream, BeginsWhereTheProgramSays) {
  RunningServer server({}, [&](Server& configured) {
    configured.Get("/stream/(.*)", [&](const httplib::Request& request, httplib::Response& response) {
      configured.subscribe(request, response, {.topics = {"a"}, .last_event_id = request.matches[1].str()});
    });
  });
  const std::string first = server->hub().publish("a", {.data = "1"}).id;
  server->hub().publish("a", {.data = "2"}).or_throw();
  EXPECT_EQ(StreamClient(server.port(), "/stream/earliest").next_data(), "1");
  const std::string after_first = "/stream/" + first + "?lastEventId=earliest";
  EXPECT_EQ(StreamClient(server.port(), after_first, last_event_id("earliest")).next_data(), "2")
      << "whatever the client asks for";
}

TEST(ProgramsStream, AnIdPrefixSaysWhichStreamACursorIsOf) {
  RunningServer server({}, [](Server& configured) {
    configured.Get("/stream", [&](const httplib::Request& request, httplib::Response& response) {
      configured.subscribe(request, response, {.topics = {"a"}, .client = "c", .id_prefix = "room7/"});
    });
    configured.Get("/bad", [&](const httplib::Request& request, httplib::Response& response) {
      EXPECT_THROW(configured.subscribe(request, response, {.topics = {"a"}, .id_prefix = " x"}),
                   std::invalid_argument);
      EXPECT_THROW(configured.subscribe(request, response,
                                        {.topics = {"a"}, .id_prefix = std::string(kMaxIdPrefixBytes + 1, 'x')}),
                   std::invalid_argument);
    });
  });
  StreamClient stream(server.port(), "/stream");
  const std::string cursor = stream.decoder().last_event_id();
  EXPECT_EQ(cursor, "room7/" + server->hub().cursor());
  EXPECT_EQ(stream.head().field("Last-Event-ID"), cursor);
  EXPECT_EQ(server->subscriptions().at(0).client, "c");
  server->hub().publish("a", {.data = "1", .id = "room7/1"}).or_throw();
  server->hub().publish("a", {.data = "2", .id = "room7/2"}).or_throw();
  EXPECT_EQ(stream.next(), (Received{"message", "1", "room7/1"}));
  EXPECT_EQ(StreamClient(server.port(), "/stream", last_event_id(cursor)).next_data(), "1");
  EXPECT_EQ(StreamClient(server.port(), "/stream", last_event_id("room7/1")).next_data(), "2");
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/bad")).status, 200);
}

TEST(Polling, EndsEachResponseWithItsFirstBatch) {
  RunningServer server({}, with_events);
  StreamClient waiting(server.port(), "/events?topic=a&mode=poll");
  server->hub().publish("a", {.data = "1"}).or_throw();
  EXPECT_EQ(waiting.next_data(), "1");
  EXPECT_TRUE(waiting.read_to_end());
  server->hub().publish("a", {.data = "2"}).or_throw();
  StreamClient next(server.port(), "/events?topic=a&mode=poll", last_event_id(waiting.decoder().last_event_id()));
  EXPECT_EQ(next.next_data(), "2");
  EXPECT_TRUE(next.read_to_end());
  EXPECT_LT(next.decoder().retry(), kDefaultReconnectionTime);
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
}

}  // namespace
}  // namespace millrace::test
