// Requests to an events route go one of two ways, through cpp-httplib on a worker or straight from the loop, and nobody
// can tell which: not by the answer, not by the order, not by what a user's handlers see.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <functional>
#include <future>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/key_authorizer.h"
#include "millrace/server/stores/file.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

const std::string kKey = "0123456789abcdef0123456789abcdef";

// An error handler that does nothing is the user's code nevertheless: with it, all requests go through cpp-httplib.
void through_httplib(Server& server) {
  server.set_error_handler(httplib::Server::HandlerWithResponse(
      [](const Request&, Response&) { return httplib::Server::HandlerResponse::Unhandled; }));
  server.events("/events");
}

void straight(Server& server) {
  server.events("/events");
}

// Without what differs from one server to another: the epoch in IDs, and what is drawn at random.
std::string comparable(const RawResponse& response) {
  static const std::regex ids(R"(\b[0-9a-z]{8}-(\d+))");
  static const std::regex drawn(R"(Retry-After: \d+)");
  const std::string text = std::regex_replace(response.head + response.body, ids, "epoch-$1");
  return std::regex_replace(text, drawn, "Retry-After: soon");
}

std::string event(const std::string& topic, const std::string& data) {
  return R"({"topic":")" + topic + R"(","data":")" + data + "\"}";
}

// `count` of them, beside Host and Content-Length.
std::string fields(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "X-" + std::to_string(i) + ": y\r\n";
  return lines;
}

std::vector<std::string> all_kinds_of_requests() {
  return {
      post("/events", event("a", "1")),
      post("/events", event("a", "1") + '\n' + event("b", "2") + '\n'),
      post("/events", R"({"topic":"a","data":"1","id":"mine"})"),
      post("/events", R"({"topic":"a","data":"again","id":"mine"})"),
      post("/events", R"({"topic":"a","finish":true})"),
      post("/events", "no JSON \xff"),
      post("/events", R"({"topic":"a"})"),
      post("/events", R"({"topic":"a","topic":"b","data":"1"})"),
      post("/events", ""),
      post("/events?x=1&x=%20", event("a", "1"), "X-Empty:\r\nX-Percent: 100%25\r\n"),
      post("/events?x=1?y", event("a", "1")),
      post("/events#x", event("a", "1")),
      post("/%65vents", event("a", "1")),
      post("/events/", event("a", "1")),
      post("/events", std::string(2000, 'x')),
      post("/events", event("a", "1"), "Content-Encoding: snappy\r\n"),
      post("/events", event("a", "1"), "Content-Encoding: identity\r\n"),
      post("/events", event("a", "1"), "Content-Type: application/x-www-form-urlencoded\r\n"),
      post("/events", event("a", "1"), "Range: bytes=0-3\r\n"),
      post("/events", event("a", "1"), "Authorization: Bearer " + kKey + "\r\n"),
      post("/events", event("a", "1"), "Authorization: Bearer wrong-wrong-wrong-wrong-wrong-wrong\r\n"),
      post("/events", event("a", "1"), "Origin: https://good.example\r\n"),
      post("/events", event("a", "1"), "Origin: https://evil.example\r\n"),
      post("/events", event("a", "1"), "Origin:\r\n"),
      post("/events", event("a", "1"), "Expect: 100-continue-not\r\n"),
      post("/events", event("a", "1"), fields(98)),
      post("/events", event("a", "1"), fields(99)),
      post("/events", event("a", "1"), "Accept: text/event-stream, application/json\r\n"),
      post("/events", event("a", "1"), "Accept: text/*;q=0.5, */*;q=0.1\r\n"),
      post("/events", event("a", "1"), "Accept: text/*;q=2\r\n"),
      post("/events", event("a", "1"), "Accept: text\r\n"),
      post("/events", event("a", "1"), "Accept: ,\r\n"),
      post("/events", event("a", "1"), "Accept:\r\n"),
      post("/events", event("a", "1"), "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
      post("/events", event("a", "1"), "X-Control: a\x01z\r\n"),
      post("/events", event("a", "1"), "X-Delete: a\x7fz\r\n"),
      post("/events", event("a", "1"), "X-Tab: a\tz\xc3\xa4\r\n"),
      "POST /events HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}",
      "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      "POST /events HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
      "POST  /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
      "POST /events HTTP/1.2\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
      post("/events", event("a", "1"), "Connection: close\r\n"),
      post("/events", event("a", "1"), "Connection: keep-alive\r\n"),
      get("/events"),
      get("/events?topic=*bad*"),
      get("/events?topic=a&mode=sometimes"),
      get("/events?topic=a", "Last-Event-ID: mine\r\nConnection: close\r\n"),
      get("/events?topic=a&lastEventId=earliest&mode=poll"),
      get("/events?topic=z%2Fy&mode=poll&lastEventId=un%25known", "Origin: https://good.example\r\n"),
      get("/events?topic=a&mode=poll", "Last-Event-ID: un%20known\r\n"),
      get("/events?topic=millrace.presence/a"),
      "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\nOrigin: https://good.example\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n",
      "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n",
      "PUT /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
  };
}

std::vector<std::string> answers(const ServerOptions& options, void (*configure)(Server&)) {
  RunningServer server(options, configure);
  std::vector<std::string> answers;
  for (const std::string& request : all_kinds_of_requests()) {
    RawClient client(server.port());
    client.send(request);
    RawResponse response{.status = 0, .head = client.read_until("\r\n\r\n"), .body = {}};
    answers.push_back(comparable(response));
    if (response.field("Content-Type") == "text/event-stream") continue;
    const std::string length = response.field("Content-Length");  // which a 204 must not have
    response.body = client.read_exactly(length.empty() ? 0 : std::stoul(length));
    answers.back() = comparable(response);
    // Whether another request may follow is part of the answer.
    client.send(get("/nothing-here"));
    client.end_sending();
    const std::string rest = client.read_to_end();
    answers.back() += rest.empty() ? "and closed" : rest.substr(0, rest.find("\r\n"));
  }
  return answers;
}

// `make_options` is called for each server.
void expect_same_answers_with(const std::function<ServerOptions()>& make_options) {
  const std::vector<std::string> requests = all_kinds_of_requests();
  const std::vector<std::string> expected = answers(make_options(), through_httplib);
  const std::vector<std::string> given = answers(make_options(), straight);
  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(given[i], expected[i]) << requests[i];
}

void expect_same_answers(const ServerOptions& options) {
  expect_same_answers_with([&] { return options; });
}

TEST(DirectRequests, AreAnsweredAsCppHttplibDoesToTheByte) {
  ServerOptions options = open_to_all();
  options.publishing.max_bytes = 1000;
  options.cors.origins = {"https://good.example"};
  expect_same_answers(options);
}

TEST(DirectRequests, AreAnsweredAlikeWithAStore) {
  const TemporaryFolder folder;
  int logs = 0;
  expect_same_answers_with([&] {
    ServerOptions options = open_to_all();
    options.store = open_file_log(folder.path("log" + std::to_string(++logs)));
    return options;
  });
}

TEST(DirectRequests, AreRefusedAlikeWherePublishingIsSwitchedOff) {
  expect_same_answers({});
}

TEST(DirectRequests, AreRefusedAlikeWithKeysAndBoundsOnRates) {
  ServerOptions options;
  options.authorizer = std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.publish_keys = {kKey}});
  options.publishing.rate = 0.001;
  options.publishing.burst = 1;
  expect_same_answers(options);
}

TEST(DirectRequests, CountPublishersByAddress) {
  ServerOptions options = open_to_all();
  options.publishing.rate = 0.001;
  options.publishing.burst = 1;
  RunningServer server(options, straight);
  for (const char* address : {"127.0.0.2", "127.0.0.3"}) {
    RawClient client(server.port(), 0, address);
    EXPECT_EQ(client.exchange(post("/events", event("a", "1"))).status, 200) << address;
    EXPECT_EQ(client.exchange(post("/events", event("a", "1"))).status, 429) << address;
  }
}

TEST(DirectRequests, CarryTheServersDefaultHeaders) {
  const auto configure = [](Server& server) {
    server.set_default_headers({{"X-Served-By", "me"}});
    server.events("/events");
  };
  RunningServer server(open_to_all(), configure);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", event("a", "1"))).field("X-Served-By"), "me");
  client.send(get("/events?topic=a"));
  EXPECT_NE(client.read_until("\r\n\r\n").find("X-Served-By: me"), std::string::npos);
}

// --- Framing --------------------------------------------------------------------------------------------------------

class StraightFromTheLoop : public ::testing::Test {
 protected:
  RunningServer server_{open_to_all()};
  RawClient client_{server_.port()};
};

TEST_F(StraightFromTheLoop, APostMayBeCutAnywhere) {
  StreamClient stream(server_.port(), "/events?topic=a");
  const int on = 1;  // each piece in a packet of its own, at once
  setsockopt(client_.socket(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string request = post("/events", event("a", "1"), "X-Field: value\r\n");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    client_.send(std::string_view(request).substr(0, cut));
    client_.send(std::string_view(request).substr(cut));
    ASSERT_EQ(client_.read_response().status, 200) << "cut at " << cut;
    ASSERT_EQ(stream.next()->data, "1") << "cut at " << cut;
  }
  for (const char byte : request) client_.send({&byte, 1});
  EXPECT_EQ(client_.read_response().status, 200);
}

TEST_F(StraightFromTheLoop, PipelinedRequestsOfBothWaysAreAnsweredInOrder) {
  server_.stop();
  server_->Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
  server_.start();
  RawClient client(server_.port());
  constexpr int kRequests = 1000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += post("/events", R"({"topic":"a","data":"1","id":"n)" + std::to_string(i) + "\"}");
    if (i % 100 == 7) requests += get("/x");
    if (i % 100 == 8) requests += "\r\n";  // [RFC 9112 2.2]
    if (i % 100 == 9) requests += post("/events", event("a", "1"), "Content-Encoding: snappy\r\n");
  }
  std::thread sender([&] { client.send(requests + get("/events?topic=b")); });
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.read_response().body, "{\"id\":\"n" + std::to_string(i) + "\",\"durability\":\"memory\"}\n");
    if (i % 100 == 7) {
      ASSERT_EQ(client.read_response().body, "x");
    }
    if (i % 100 == 9) {
      ASSERT_EQ(client.read_response().status, 415);
    }
  }
  EXPECT_NE(client.read_until("\r\n\r\n").find("text/event-stream"), std::string::npos);
  sender.join();
}

// More answers than the sockets hold between them: the server has to wait, and then to go on.
TEST_F(StraightFromTheLoop, AClientThatReadsNothingForAWhileGetsAllItsAnswers) {
  RawClient client(server_.port(), 4096);
  const std::string request = post("/events", "no JSON, and a long sentence about it");
  const std::string of_a_worker = post("/events", "no JSON", "Content-Encoding: snappy\r\n");
  const auto is_a_workers = [](int i) { return i % 10 == 9; };
  constexpr int kRequests = 60'000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += is_a_workers(i) ? of_a_worker : request;
  std::size_t sent = 0;
  int without_progress = 0;
  while (sent < requests.size() && without_progress < 3) {  // until the server reads no more either
    const std::size_t count = client.send_some(std::string_view(requests).substr(sent));
    sent += count;
    without_progress = count > 0 ? 0 : without_progress + 1;
    if (count == 0) {
      RawClient other(server_.port());  // the loops are at work meanwhile
      EXPECT_EQ(other.exchange(post("/events", event("a", "1"))).status, 200);
    }
  }
  std::thread sender([&] { client.send(std::string_view(requests).substr(sent)); });
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(client.read_response().status, is_a_workers(i) ? 415 : 400) << i;
  sender.join();
}

TEST_F(StraightFromTheLoop, ConnectionsEndAfterTheirShareOfRequests) {
  server_.stop();
  server_->set_keep_alive_max_count(3);
  server_.start();
  RawClient client(server_.port());
  for (int i = 0; i < 5; ++i) client.send(post("/events", event("a", "1")));
  EXPECT_EQ(client.read_response().field("Keep-Alive"), "timeout=60, max=3");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.read_response().field("Connection"), "close");
  EXPECT_TRUE(client.is_at_end());
}

TEST_F(StraightFromTheLoop, TheOrderOfEachOfManyPublishersIsKept) {
  constexpr int kPublishers = 8;
  constexpr int kEvents = 500;
  StreamClient stream(server_.port(), "/events?topic=p/**");
  std::vector<std::thread> publishers;
  for (int p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([this, p] {
      RawClient client(server_.port());
      std::string requests;
      for (int i = 0; i < kEvents; ++i) {
        requests += post("/events", event("p/" + std::to_string(p), std::to_string(p) + ":" + std::to_string(i)));
      }
      client.send(requests);
      for (int i = 0; i < kEvents; ++i) ASSERT_EQ(client.read_response().status, 200);
    });
  }
  std::vector<int> next(kPublishers, 0);
  for (int i = 0; i < kPublishers * kEvents; ++i) {
    const auto received = stream.next();
    ASSERT_TRUE(received);
    const auto publisher = static_cast<std::size_t>(received->data[0] - '0');
    ASSERT_EQ(received->data.substr(2), std::to_string(next[publisher]++));
  }
  for (std::thread& publisher : publishers) publisher.join();
}

TEST_F(StraightFromTheLoop, EachOfTenThousandTopicsGetsItsOwn) {
  constexpr int kTopics = 10'000;
  StreamClient all(server_.port(), "/events?topic=t/**");
  StreamClient one(server_.port(), "/events?topic=t/7777");
  std::thread publisher([this] {
    std::string requests;
    for (int i = 0; i < kTopics; ++i) requests += post("/events", event("t/" + std::to_string(i), std::to_string(i)));
    client_.send(requests);
  });
  for (int i = 0; i < kTopics; ++i) ASSERT_EQ(all.next()->data, std::to_string(i));
  for (int i = 0; i < kTopics; ++i) ASSERT_EQ(client_.read_response().status, 200);
  publisher.join();
  EXPECT_EQ(one.next()->data, "7777");
}

TEST(DirectRequests, NeedNoWorker) {
  std::promise<void> go_on;
  std::promise<void> begun;
  ServerOptions options = open_to_all();
  options.threads.workers = 1;
  RunningServer server(options, [&](Server& made) {
    made.events("/events");
    made.Get("/wait", [&](const Request&, Response&) {
      begun.set_value();
      go_on.get_future().wait();
    });
  });
  RawClient waiting(server.port());
  waiting.send(get("/wait"));
  begun.get_future().wait();
  StreamClient stream(server.port(), "/events?topic=a");
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", event("a", "1"))).status, 200);
  EXPECT_EQ(stream.next()->data, "1");
  go_on.set_value();
  EXPECT_EQ(waiting.read_response().status, 200);
}

}  // namespace
}  // namespace millrace::test
