// Clients that are slow, broken, many or malicious: each gets a clear answer or is closed, and other clients do not
// notice.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/server/limits.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using Json = nlohmann::json;

void with_routes(Server& server) {
  server.events("/events");
  server.Get("/plain",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  server.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(request.body, "text/plain");
  });
}

void expect_served(int port) {
  EXPECT_EQ(RawClient(port).exchange(get("/plain")).body, "x");
}

// That the client gets this one answer, as JSON, and then the end of the connection. Returns the sentence.
std::string expect_rejected(RawClient& client, int status) {
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, status) << response.head;
  EXPECT_EQ(response.field("Connection"), "close");
  const Json body = Json::parse(response.body);
  EXPECT_TRUE(body.contains("error")) << response.body;
  EXPECT_TRUE(client.is_at_end());
  return body.value("error", std::string());
}

TEST(HalfRequest, HoldsNoThreadAndIsTimedOut) {
  ServerOptions options;
  options.threads.workers = 1;
  options.http.head_deadline = Duration{1'500};
  RunningServer server(options, with_routes);
  std::vector<RawClient> halves;
  for (int i = 0; i < 200; ++i) {
    halves.emplace_back(server.port());
    halves.back().send("GET /plain HTTP/1.1\r\nHost: ");
  }
  expect_served(server.port());
  for (RawClient& half : halves) expect_rejected(half, 408);
  expect_served(server.port());
}

TEST(HalfRequest, IsNotKeptAliveByATrickle) {
  ServerOptions options;
  options.http.head_deadline = Duration{1'000};  // in which the client has to begin
  RunningServer server(options, with_routes);
  RawClient client(server.port());
  client.send("GET /plain HTTP/1.1\r\nHost: localhost\r\nX: ");
  pollfd answered{.fd = client.socket(), .events = POLLIN, .revents = 0};
  int bytes = 0;
  while (poll(&answered, 1, 20) == 0 && bytes < 1'000) bytes += static_cast<int>(client.send_some("x"));
  EXPECT_LT(bytes, 1'000);
  EXPECT_EQ(client.read_response().status, 408);
}

TEST(HalfRequest, IsTimedOutOnAKeptConnectionToo) {
  ServerOptions options;
  options.http.head_deadline = Duration{1'000};  // in which the client has to send the first one
  RunningServer server(options, with_routes);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/plain")).status, 200);
  client.send("GET /plain HTTP/1.1\r\nHost: localhost\r\n");
  expect_rejected(client, 408);
}

TEST(HalfRequest, ASilentConnectionIsClosed) {
  ServerOptions options;
  options.http.head_deadline = Duration{100};
  RunningServer server(options, with_routes);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.is_at_end()) << "there is no request to answer";
  RawClient blank(server.port());
  blank.send("\r\n\r\n\r\n");
  blank.read_to_end();
}

TEST(HalfRequest, AnIdleConnectionIsClosedAfterItsKeepAlive) {
  RunningServer server({}, [](Server& one) {
    with_routes(one);
    one.set_keep_alive_timeout(1);
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/plain")).status, 200);
  EXPECT_TRUE(client.is_at_end());
}

TEST(HalfRequest, ABodyThatDoesNotComeIsTimedOut) {
  ServerOptions options;
  options.threads.workers = 1;
  options.http.body_deadline = Duration{1'000};
  RunningServer server(options, with_routes);
  std::vector<RawClient> halves;
  for (int i = 0; i < 50; ++i) {
    halves.emplace_back(server.port());
    halves.back().send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
  }
  expect_served(server.port());
  for (RawClient& half : halves) expect_rejected(half, 408);
}

TEST(HalfRequest, ALargeBodyThatStopsComingGivesItsWorkerBack) {
  ServerOptions options;
  options.threads.workers = 1;
  RunningServer server(options, [](Server& one) {
    with_routes(one);
    one.set_read_timeout(0, 200'000);
  });
  RawClient large(server.port());
  large.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n" + std::string(1'000'000, 'x'));
  RawClient chunked(server.port());
  chunked.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc");
  expect_served(server.port());
  EXPECT_EQ(large.read_response().status, 408);
  EXPECT_EQ(chunked.read_response().status, 408);
}

TEST(TooLarge, AHeadBeyondTheLimitIs431) {
  ServerOptions options;
  options.http.max_head_bytes = 8'000;
  RunningServer server(options, with_routes);
  std::string head = "GET /plain HTTP/1.1\r\nHost: localhost\r\n";
  while (head.size() < 8'000) head += "X-Filler: " + std::string(100, 'x') + "\r\n";
  RawClient whole(server.port());
  whole.send(head + "\r\n");
  const std::string limit = "larger than the limit of 8000 bytes (http.max_head_bytes, --max-head-bytes)";
  EXPECT_NE(expect_rejected(whole, 431).find(limit), std::string::npos);
  RawClient endless(server.port());
  endless.send(head);
  EXPECT_NE(expect_rejected(endless, 431).find(limit), std::string::npos);
}

TEST(TooLarge, AHeadJustUnderTheLimitIsServed) {
  RunningServer server({}, with_routes);
  std::string fields;
  // Long ones: of a newer cpp-httplib, 100 fields is the limit.
  while (fields.size() < kMaxRequestHeadBytes - 2'200) fields += "X-Filler: " + std::string(2'000, 'x') + "\r\n";
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain", fields)).status, 200);
}

TEST(TooLarge, OneLineBeyondItsLimitIsNamed) {
  RunningServer server({}, with_routes);
  RawClient target(server.port());
  target.send(get("/" + std::string(9'000, 'x')));
  expect_rejected(target, 414);
  RawClient field(server.port());
  field.send(get("/plain", "X: " + std::string(9'000, 'x') + "\r\n"));
  expect_rejected(field, 431);
}

TEST(Smuggling, WhatTwoParsersCouldReadInTwoWaysIsRefusedAndWhatFollowsIsNotServed) {
  RunningServer server({}, with_routes);
  const std::string smuggled = get("/plain");
  for (const char* fields : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5, 5\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: 18446744073709551615\r\n",
           "Content-Length: 18446744073709551617\r\n",
           "Content-Length : 5\r\n",
           " Content-Length: 5\r\n",
           "X: y\r\n Content-Length: 5\r\n",
           "X: y\nContent-Length: 5\r\n",
           "X: y\rContent-Length: 5\r\n",
       }) {
    RawClient client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n0\r\n\r\n" + smuggled);
    expect_rejected(client, 400);
  }
  for (const char* coding : {"gzip, chunked", "identity", "chunked, identity", "xchunked"}) {
    RawClient client(server.port());
    client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + std::string(coding) +
                "\r\n\r\n0\r\n\r\n" + smuggled);
    expect_rejected(client, 501);
  }
}

TEST(Smuggling, ABodyThatWasNotAskedForIsNotTheNextRequest) {
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  client.send("GET /plain HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(smuggled.size()) +
              "\r\n\r\n" + smuggled + get("/plain?second"));
  EXPECT_EQ(client.read_response().body, "x");
  EXPECT_EQ(client.read_response().status, 200) << "not the 404 of the smuggled one";
}

TEST(Nonsense, IsAnsweredAndHarmsNobody) {
  RunningServer server({}, with_routes);
  using namespace std::string_literals;
  const std::string host = "Host: localhost\r\n";
  const std::pair<std::string, int> cases[] = {
      {"nonsense\r\n\r\n"s, 400},
      {"GET /plain\r\n\r\n"s, 400},
      {"GET /plain HTTP/3.0\r\n" + host + "\r\n", 505},
      {"get /plain HTTP/1.1\r\n" + host + "\r\n", 501},
      {"GET\r\n\r\n"s, 400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"s, 400},
      {": HTTP/1.1\r\n: \r\n\r\n"s, 400},
  };
  for (const auto& [nonsense, status] : cases) {
    RawClient client(server.port());
    client.send(nonsense);
    EXPECT_EQ(client.read_response().status, status) << nonsense;
  }
  expect_served(server.port());
}

TEST(TooMany, ConnectionsBeyondTheLimitAreTurnedAwayUntilOthersLeave) {
  ServerOptions options;
  options.shares.max_connections = 3;
  RunningServer server(options, with_routes);
  StreamClient stream(server.port(), "/events?topic=a");
  RawClient one(server.port());
  EXPECT_EQ(one.exchange(get("/plain")).status, 200);
  RawClient two(server.port());
  EXPECT_EQ(two.exchange(get("/plain")).status, 200);
  RawClient three(server.port());
  const RawResponse refused = three.read_response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_FALSE(refused.field("Retry-After").empty());
  EXPECT_TRUE(Json::parse(refused.body).contains("error"));
  one.close();
  EXPECT_TRUE(eventually([&] {
    RawClient next(server.port());
    next.send(get("/plain"));
    return next.read_response().status == 200;
  }));
}

TEST(VanishedClient, IsNoticedWithoutAWordFromIt) {
  ServerOptions options;
  options.streams.heartbeat = Duration{100};
  options.streams.unacknowledged_timeout = Duration{500};
  RunningServer server(options, with_routes);
  StreamClient stream(server.port(), "/events?topic=a");
  ASSERT_EQ(server->open_streams(), 1u);
  const int on = 1;
  if (setsockopt(stream.client().socket(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) != 0) {
    GTEST_SKIP() << "vanishing without FIN or RST takes TCP_REPAIR, and that CAP_NET_ADMIN: " << std::strerror(errno);
  }
  stream.client().close();
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
}

TEST(StalledClient, WhateverBecomesOfItsConnectionLosesNothing) {
  // Its window stays shut for longer than the server waits for an acknowledgement.
  ServerOptions options;
  options.streams.heartbeat = Duration{100};
  options.streams.unacknowledged_timeout = Duration{300};
  RunningServer server(options, with_routes);
  StreamClient stalled(server.port(), "/events?topic=a", "", 4'096);
  StreamClient clock(server.port(), "/events?topic=b");
  constexpr std::size_t kEvents = 20'000;
  const std::string data(1'000, 'x');
  for (std::size_t i = 0; i < kEvents; ++i) server->hub().publish("a", {.data = std::to_string(i) + data}).or_throw();
  ASSERT_TRUE(clock.read_until([](const StreamDecoder& decoder) { return decoder.chunks() >= 15; }));

  const auto all = [&](std::size_t before) {
    return [=](const StreamDecoder& decoder) { return before + decoder.events().size() >= kEvents; };
  };
  stalled.read_until(all(0));
  std::vector<Received> events = stalled.decoder().events();
  if (events.size() < kEvents) {
    const std::string cursor = "Last-Event-ID: " + stalled.decoder().last_event_id() + "\r\n";
    StreamClient back(server.port(), "/events?topic=a", cursor);
    back.read_until(all(events.size()));
    events.insert(events.end(), back.decoder().events().begin(), back.decoder().events().end());
  }
  ASSERT_EQ(events.size(), kEvents);
  for (std::size_t i = 0; i < kEvents; ++i) ASSERT_EQ(events[i].data, std::to_string(i) + data);
}

TEST(Churn, ClientsThatComeAndGoLeaveNothingBehind) {
  RunningServer server(open_to_all(), with_routes);
  for (int round = 0; round < 10; ++round) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 60; ++i) {
      clients.emplace_back(server.port());
      RawClient& client = clients.back();
      switch (i % 6) {
        case 0:
          client.send(get("/events?topic=a"));
          break;
        case 1:
          client.send("GET /plain HTTP/1.1\r\nHost: localhost\r\n");
          break;
        case 2:
          client.send(get("/plain") + get("/plain") + get("/events?topic=a"));
          break;
        case 3:
          client.send(post("/events", R"({"topic":"a","data":"x"})"));
          client.reset();
          break;
        case 4:
          client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
          break;
        default:
          client.send("\x01\x02\x03\r\n\r\n");
      }
    }
    for (std::size_t i = 0; i < clients.size(); i += 2) clients[i].reset();
  }
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  expect_served(server.port());
}

}  // namespace
}  // namespace millrace::test
