// Connections and framing of plain requests: keep-alive, pipelining, large bodies, HTTP/1.0, 100-continue.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

constexpr std::size_t kLarge = 20'000'000;

// Bytes of which none can go missing unseen.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

void with_routes(Server& server) {
  server.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
  server.Get(R"(/number/(\d+))", [](const Request& request, Response& response) {
    response.set_content(request.matches[1].str(), "text/plain");
  });
  server.Post("/echo", [](const Request& request, Response& response) {
    response.set_content(request.body, "application/octet-stream");
  });
  server.Get("/large", [](const Request&, Response& response) {
    response.set_content(pattern(kLarge), "application/octet-stream");
  });
}

class HttpConnection : public ::testing::Test {
 protected:
  RunningServer server_{{}, with_routes};
  RawClient client_{server_.port()};
};

TEST_F(HttpConnection, ServesManyRequestsOneAfterTheOther) {
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(client_.exchange(get("/number/" + std::to_string(i))).body, std::to_string(i));
  }
}

TEST_F(HttpConnection, ServesPipelinedRequestsInOrder) {
  std::string requests;
  for (int i = 0; i < 300; ++i) {
    requests += get("/number/" + std::to_string(i));
    requests += post("/echo", std::string(i * 10, 'y'));
    if (i % 7 == 0) requests += "\r\n";  // [RFC 9112 2.2]
  }
  std::thread sender([&] { client_.send(requests); });
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(client_.read_response().body, std::to_string(i));
    ASSERT_EQ(client_.read_response().body.size(), i * 10u);
  }
  sender.join();
}

TEST_F(HttpConnection, ServesWhateverWayARequestIsCut) {
  const std::string request = post("/echo", "hello") + get("/x");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    RawClient client(server_.port());
    client.send(request.substr(0, cut));
    client.send(request.substr(cut));
    ASSERT_EQ(client.read_response().body, "hello") << cut;
    ASSERT_EQ(client.read_response().body, "x") << cut;
  }
}

TEST_F(HttpConnection, ServesAClientThatHasFinishedSending) {
  client_.send(get("/x") + get("/number/7"));
  client_.end_sending();
  EXPECT_EQ(client_.read_response().body, "x");
  EXPECT_EQ(client_.read_response().body, "7");
  EXPECT_TRUE(client_.is_at_end());
}

TEST_F(HttpConnection, ClosesWhenAsked) {
  const RawResponse response = client_.exchange(get("/x", "Connection: close\r\n"));
  EXPECT_EQ(response.body, "x");
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_TRUE(client_.is_at_end());
}

TEST_F(HttpConnection, ClosesAfterAsManyRequestsAsAllowed) {
  RunningServer server({}, [](Server& one) {
    with_routes(one);
    one.set_keep_alive_max_count(3);
  });
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(client.exchange(get("/x")).field("Connection"), "");
  EXPECT_EQ(client.exchange(get("/x")).field("Connection"), "close");
  EXPECT_TRUE(client.is_at_end());
}

TEST_F(HttpConnection, SpeaksHttp10) {
  const RawResponse response = client_.exchange("GET /x HTTP/1.0\r\n\r\n");
  EXPECT_EQ(response.body, "x");
  EXPECT_TRUE(client_.is_at_end());
  RawClient keeping(server_.port());
  EXPECT_EQ(keeping.exchange("GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").body, "x");
  EXPECT_EQ(keeping.exchange("GET /number/8 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").body, "8");
}

TEST_F(HttpConnection, APostWithoutALengthHasNoBody) {
  client_.send("POST /echo HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/x"));
  const RawResponse response = client_.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(client_.read_response().body, "x") << "what follows is the next request";
}

TEST_F(HttpConnection, AsksForABodyThatWaitsToBeAskedFor) {
  client_.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client_.read_response(false).status, 100);
  client_.send("hello");
  EXPECT_EQ(client_.read_response().body, "hello");
  EXPECT_EQ(client_.exchange(get("/x")).body, "x");
}

TEST_F(HttpConnection, MayRefuseABodyBeforeItIsSent) {
  RunningServer server({}, [](Server& one) {
    with_routes(one);
    one.set_expect_100_continue_handler([](const Request&, Response&) { return 417; });
  });
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 417);
}

TEST_F(HttpConnection, TakesChunkedBodies) {
  client_.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  client_.send("6\r\n world\r\n0\r\n\r\n");
  const RawResponse response = client_.read_response();
  EXPECT_EQ(response.body, "hello world");
  EXPECT_EQ(response.field("Connection"), "close") << "so that no client sends another request into the end";
  EXPECT_TRUE(client_.is_at_end());
}

TEST_F(HttpConnection, TakesALargeUpload) {
  const std::string body = pattern(kLarge);
  std::thread sender([&] { client_.send(post("/echo", body)); });
  EXPECT_TRUE(client_.read_response().body == body);
  sender.join();
  EXPECT_EQ(client_.exchange(get("/x")).body, "x");
}

TEST_F(HttpConnection, SendsALargeResponseToASlowReader) {
  RawClient slow(server_.port(), 4'096);
  slow.send(get("/large"));
  const std::string head = slow.read_until("\r\n\r\n");
  // Nothing of it is read before another client has been served.
  EXPECT_EQ(RawClient(server_.port()).exchange(get("/x")).body, "x");
  EXPECT_TRUE(slow.read_exactly(kLarge) == pattern(kLarge));
  EXPECT_EQ(slow.exchange(get("/x")).body, "x");
}

TEST_F(HttpConnection, ALargeResponseIsWholeBeforeTheConnectionCloses) {
  RawClient slow(server_.port(), 4'096);
  slow.send(get("/large", "Connection: close\r\n"));
  EXPECT_TRUE(slow.read_response().body == pattern(kLarge));
  EXPECT_TRUE(slow.is_at_end());
}

TEST_F(HttpConnection, ServesManyConnectionsWithFewWorkers) {
  ServerOptions options;
  options.threads.workers = 2;
  RunningServer server(options, with_routes);
  std::vector<RawClient> clients;
  for (int i = 0; i < 300; ++i) clients.emplace_back(server.port());
  for (int round = 0; round < 3; ++round) {
    for (RawClient& client : clients) client.send(get("/x"));
    for (RawClient& client : clients) ASSERT_EQ(client.read_response().body, "x");
  }
}

}  // namespace
}  // namespace millrace::test
