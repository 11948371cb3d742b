// Streams of clients that take gzip: compressed once for all of them, and each whole by itself.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

const std::string kGzip = "Accept-Encoding: gzip, deflate, br\r\n";

ServerOptions compressing() {
  ServerOptions options;
  options.streams.gzip = true;
  return options;
}

void with_events(Server& server) {
  server.events("/events");
}

// Large enough to be compressed, or too small, by turns.
std::string data_of(int number) {
  std::string data = std::to_string(number);
  while (number % 3 != 0 && data.size() < 1'000)
    data += " and " + std::to_string(number * 7 + static_cast<int>(data.size()));
  return data;
}

void publish(Server& server, int from, int to) {
  for (int i = from; i < to; ++i) server.hub().publish("a", {.data = data_of(i)}).or_throw();
}

void expect_events(const StreamDecoder& decoder, int from, int to) {
  ASSERT_EQ(decoder.events().size(), static_cast<std::size_t>(to - from));
  for (int i = from; i < to; ++i) ASSERT_EQ(decoder.events()[static_cast<std::size_t>(i - from)].data, data_of(i));
}

TEST(GzipStream, IsWholeForClientsThatJoinAtAnyTime) {
  RunningServer server(compressing(), with_events);
  std::vector<StreamClient> clients;
  constexpr int kSteps = 20;
  for (int step = 0; step < kSteps; ++step) {
    clients.emplace_back(server.port(), "/events?topic=a", step % 4 == 3 ? "" : kGzip);
    publish(*server, 10 * step, 10 * step + 10);
  }
  server->hub().finish("a").or_throw();
  for (int step = 0; step < kSteps; ++step) {
    StreamClient& client = clients[static_cast<std::size_t>(step)];
    ASSERT_EQ(client.head().field("Content-Encoding"), step % 4 == 3 ? "" : "gzip");
    EXPECT_TRUE(client.read_to_end()) << "with the right trailer, or this would have thrown";
    expect_events(client.decoder(), 10 * step, 10 * kSteps);
  }
}

TEST(GzipStream, ContinuesFromTheLogForClientsThatResume) {
  RunningServer server(compressing(), with_events);
  publish(*server, 0, 500);
  server->hub().finish("a").or_throw();
  StreamClient all(server.port(), "/events?topic=a&lastEventId=earliest", kGzip);
  EXPECT_TRUE(all.read_to_end());
  expect_events(all.decoder(), 0, 500);
  StreamClient some(server.port(), "/events?topic=a",
                    kGzip + "Last-Event-ID: " + all.decoder().events()[199].id + "\r\n");
  EXPECT_TRUE(some.read_to_end());
  expect_events(some.decoder(), 200, 500);
}

TEST(GzipStream, LosesNothingOfASlowReader) {
  RunningServer server(compressing(), with_events);
  StreamClient slow(server.port(), "/events?topic=a", kGzip, 4'096);
  constexpr int kEvents = 20'000;
  publish(*server, 0, kEvents);
  server->hub().finish("a").or_throw();
  EXPECT_TRUE(slow.read_to_end());
  expect_events(slow.decoder(), 0, kEvents);
}

TEST(GzipStream, ReportsAGapAndTheEndOfAPoll) {
  RunningServer server(compressing(), with_events);
  StreamClient lost(server.port(), "/events?topic=a&mode=poll", kGzip + "Last-Event-ID: gone\r\n");
  EXPECT_TRUE(lost.read_to_end());
  ASSERT_EQ(lost.decoder().events().size(), 1u);
  EXPECT_EQ(lost.decoder().events()[0].type, "millrace.gap");
  publish(*server, 0, 3);
  StreamClient poll(server.port(), "/events?topic=a&mode=poll&lastEventId=earliest", kGzip);
  EXPECT_TRUE(poll.read_to_end());
  expect_events(poll.decoder(), 0, 3);
}

TEST(GzipStream, CarriesHeartbeatsAndTheEndOfADrain) {
  ServerOptions options = compressing();
  options.streams.heartbeat = Duration{20};
  RunningServer server(options, with_events);
  StreamClient client(server.port(), "/events?topic=a", kGzip);
  EXPECT_TRUE(client.read_until([](const StreamDecoder& decoder) { return decoder.chunks() >= 4; }));
  publish(*server, 0, 5);
  EXPECT_TRUE(client.read_until([](const StreamDecoder& decoder) { return decoder.events().size() == 5; }));
  server->drain(Duration{0});
  EXPECT_TRUE(client.read_to_end());
  expect_events(client.decoder(), 0, 5);
}

TEST(GzipStream, SavesBytes) {
  const auto bytes_of = [](const std::string& fields) {
    RunningServer server(compressing(), with_events);
    publish(*server, 0, 300);
    server->hub().finish("a").or_throw();
    RawClient client(server.port());
    client.send(get("/events?topic=a&lastEventId=earliest", "Connection: close\r\n" + fields));
    return client.read_to_end().size();
  };
  EXPECT_LT(bytes_of(kGzip), bytes_of("") * 2 / 3);
}

TEST(GzipStream, IsOnlyForClientsThatCanReadIt) {
  RunningServer server(compressing(), with_events);
  const auto head = [&](const std::string& request) {
    RawClient client(server.port());
    client.send(request);
    return RawResponse{.status = 200, .head = client.read_until("\r\n\r\n"), .body = {}};
  };
  for (const std::string& request : {get("/events?topic=a"), get("/events?topic=a", "Accept-Encoding: br\r\n"),
                                     get("/events?topic=a", "Accept-Encoding: gzip;q=0\r\n"),
                                     "GET /events?topic=a HTTP/1.0\r\nHost: localhost\r\n" + kGzip + "\r\n"}) {
    EXPECT_EQ(head(request).count("Content-Encoding"), 0u) << request;
    EXPECT_EQ(head(request).field("Vary"), "Accept-Encoding") << request;
  }
  const std::string two_fields = "Accept-Encoding: br\r\naccept-encoding: gzip\r\n";
  EXPECT_EQ(head(get("/events?topic=a", two_fields)).field("Content-Encoding"), "gzip");
  const std::string asked_for_the_head = "HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n" + kGzip + "\r\n";
  EXPECT_EQ(head(asked_for_the_head).field("Content-Encoding"), "gzip");
}

TEST(GzipStream, IsNotThereUnlessItWasAskedForInTheOptions) {
  RunningServer server({}, with_events);
  StreamClient client(server.port(), "/events?topic=a", kGzip);
  EXPECT_EQ(client.head().count("Content-Encoding"), 0u);
  EXPECT_EQ(client.head().count("Vary"), 0u);
  publish(*server, 0, 1);
  EXPECT_EQ(client.next_data(), data_of(0));
}

}  // namespace
}  // namespace millrace::test
