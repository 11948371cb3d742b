// Events that name their topic: a field of their own, or an envelope around their data.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "millrace/server/hub.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

void with_events(Server& server) {
  server.events("/events");
}

// What the stream brings up to an event with the data `end`, behind its first block.
std::string text_up_to_end(StreamClient& stream) {
  EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) {
    return decoder.text().find("end") != std::string::npos && decoder.text().ends_with("\n\n");
  }));
  const std::string& text = stream.decoder().text();
  return text.substr(text.find("\n\n") + 2);
}

TEST(EventForms, EachIsSentToThoseThatAskForIt) {
  RunningServer server({}, with_events);
  StreamClient plain(server.port(), "/events?topic=**");
  StreamClient with_topic(server.port(), "/events?topic=**&fields=topic");
  StreamClient by_header(server.port(), "/events?topic=**", "Millrace-Fields: topic\r\n");
  StreamClient enveloped(server.port(), "/events?topic=**&envelope=json");
  StreamClient both(server.port(), "/events?topic=**&envelope=json&fields=topic");
  StreamClient other(server.port(), "/events?topic=**", "Millrace-Fields: colour\r\n");
  server->hub()
      .publish("orders/eu", {.type = "created", .data = "a\n\"b\"", .id = "1", .retry = Duration{7}})
      .or_throw();
  server->hub().publish("https://example.com/books/1", {.data = "end", .id = "2"}).or_throw();
  const std::string first = "event: created\nid: 1\nretry: 7\n";
  const std::string first_data = "data: a\ndata: \"b\"\n\n";
  const std::string first_json = R"(data: {"topic":"orders/eu","data":"a\n\"b\""})"
                                 "\n\n";
  const std::string second_json = R"(data: {"topic":"https://example.com/books/1","data":"end"})"
                                  "\n\n";
  const std::string second_topic = "topic: https://example.com/books/1\n";
  EXPECT_EQ(text_up_to_end(plain), first + first_data + "id: 2\ndata: end\n\n");
  EXPECT_EQ(text_up_to_end(other), first + first_data + "id: 2\ndata: end\n\n");
  const std::string with_topics = "topic: orders/eu\n" + first + first_data + second_topic + "id: 2\ndata: end\n\n";
  EXPECT_EQ(text_up_to_end(with_topic), with_topics);
  EXPECT_EQ(text_up_to_end(by_header), with_topics);
  EXPECT_EQ(text_up_to_end(enveloped), first + first_json + "id: 2\n" + second_json);
  EXPECT_EQ(text_up_to_end(both), "topic: orders/eu\n" + first + first_json + second_topic + "id: 2\n" + second_json);
}

TEST(EventForms, AreTheSameFromHistoryOverHttp10AndCompressed) {
  RunningServer server({.streams = {.gzip = true}}, with_events);
  const std::string large(4'000, 'x');
  for (const char* topic : {"a/1", "a/2"}) server->hub().publish(std::string(topic), {.data = large}).or_throw();
  server->hub().publish("a/3", {.data = "end"}).or_throw();
  const std::string target = "/events?topic=a/*&lastEventId=earliest&fields=topic";
  StreamClient gzip(server.port(), target, "Accept-Encoding: gzip\r\n");
  StreamClient plain(server.port(), target);
  StreamClient unframed(RawClient(server.port()), "GET " + target + " HTTP/1.0\r\n\r\n");
  EXPECT_EQ(gzip.head().field("Content-Encoding"), "gzip");
  const std::string expected = text_up_to_end(plain);
  EXPECT_TRUE(expected.starts_with("topic: a/1\n")) << expected.substr(0, 50);
  EXPECT_EQ(text_up_to_end(gzip), expected);
  EXPECT_EQ(text_up_to_end(unframed), expected);
}

TEST(EventForms, WhatIsNoEventOfTheLogHasOneForm) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=a&fields=topic&envelope=json&lastEventId=unknown");
  ASSERT_TRUE(stream.read_until([](const StreamDecoder& decoder) { return !decoder.events().empty(); }));
  EXPECT_TRUE(stream.decoder().text().starts_with("event: millrace.gap\nid: ")) << stream.decoder().text();
  EXPECT_NE(stream.decoder().text().find(R"(data: {"lastEventId":"unknown","reason":"unknown"})"), std::string::npos);
}

// What a C++ program may publish need not be UTF-8.
TEST(EventForms, TextThatIsNotUtf8IsReplacedInAnEnvelope) {
  RunningServer server({}, with_events);
  StreamClient stream(server.port(), "/events?topic=a&envelope=json");
  server->hub().publish("a", {.data = "\xff end", .id = "1"}).or_throw();
  EXPECT_EQ(text_up_to_end(stream), "id: 1\ndata: {\"topic\":\"a\",\"data\":\"\xef\xbf\xbd end\"}\n\n");
}

}  // namespace
}  // namespace millrace::test
