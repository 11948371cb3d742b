// HTTP/1.1 to the letter of RFC 9112, as a table: what is answered, and that what is refused ends the connection.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "any_httplib.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using namespace std::string_literals;
using httplib::Request;
using httplib::Response;

void with_routes(Server& server) {
  server.events("/events").operations();
  server.Get("/x", [](const Request& request, Response& response) {
    response.set_content(request.get_header_value("Host"), "text/plain");
  });
  server.Post("/x",
              [](const Request& request, Response& response) { response.set_content(request.body, "text/plain"); });
}

class HttpRules : public ::testing::Test {
 protected:
  RunningServer server_{{.http = {.http2 = false}}, with_routes};  // whose preface would be one
};

TEST_F(HttpRules, WhatIsNoRequestIsRefusedAndEndsTheConnection) {
  const std::string host = "Host: localhost\r\n";
  const struct {
    int status;
    std::string request;
  } kCases[] = {
      // Host [3.2]
      {400, "GET /x HTTP/1.1\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + host + "\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + "host: other\r\n\r\n"},
      {400, "GET /x HTTP/1.0\r\n" + host + host + "\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: a,b\tc\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: http://a\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: user@a\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: a:b\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: a:1:2\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: [::1\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: []\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: %6cocalhost\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"},
      // The request line [3]
      {400, "GET  /x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /x  HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /x HTTP/1.1 \r\n" + host + "\r\n"},
      {400, "GET /x y HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET\t/x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /\t HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /\x7f HTTP/1.1\r\n" + host + "\r\n"},
      {400, " GET /x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "\tGET /x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "G(T /x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /x\r\n\r\n"},
      {400, "GET\r\n\r\n"},
      {400, "GET x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET * HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET ftp://a/x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http:///x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET http://user@a/x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "GET /x http/1.1\r\n" + host + "\r\n"},
      {400, "GET /x HTTP/1.10\r\n" + host + "\r\n"},
      {400, "GET /x HTTP/11\r\n" + host + "\r\n"},
      {400, "GET /x HTTP 1.1\r\n" + host + "\r\n"},
      {505, "GET /x HTTP/3.0\r\n" + host + "\r\n"},
      {505, "GET /x HTTP/0.9\r\n" + host + "\r\n"},
      {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {501, "PRI * HTTP/1.1\r\n" + host + "\r\n"},
      {501, "CONNECT a:443 HTTP/1.1\r\n" + host + "\r\n"},
      {501, "get /x HTTP/1.1\r\n" + host + "\r\n"},
      {501, "PROPFIND /x HTTP/1.1\r\n" + host + "\r\n"},
      {405, "TRACE /x HTTP/1.1\r\n" + host + "\r\n"},
      // Fields [5]
      {400, "GET /x HTTP/1.1\r\n" + host + " folded: x\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + "A: b\r\n\tfolded\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n Host: localhost\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + ": no name\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + "Name : x\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + "no colon\r\n\r\n"},
      {400, "GET /x HTTP/1.1\r\n" + host + "A: b\0c\r\n\r\n"s},
      // Line ends [2.2]
      {400, "GET /x HTTP/1.1\nHost: localhost\n\n"},
      {400, "GET /x HTTP/1.1\r\nHost: localhost\n\r\n"},
      {400, "GET /x HTTP/1.1\r\nHost: localhost\r\n\n"},
      {400, "GET /x HTTP/1.1\rHost: localhost\r\r"},
      {400, "\nGET /x HTTP/1.1\r\n" + host + "\r\n"},
      {400, "\rGET /x HTTP/1.1\r\n" + host + "\r\n"},
      // Framing [6]
      {400, "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
      {501, "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
      {501, "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n"},
      {400, "POST /x HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\nx"},
  };
  for (const auto& [status, request] : kCases) {
    RawClient client(server_.port());
    client.send(request);
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, status) << request << response.head;
    EXPECT_EQ(response.field("Connection"), "close") << request;
    EXPECT_TRUE(nlohmann::json::parse(response.body, nullptr, false).contains("error")) << response.body;
    EXPECT_EQ(response.field("Allow").empty(), status != 405);
    EXPECT_TRUE(client.is_at_end()) << request;
  }
}

// [7.1] The chunks of a body, and what is between them.
TEST_F(HttpRules, ChunksAreToTheLetter) {
  const auto status_of = [&](const std::string& body) {
    RawClient client(server_.port());
    client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
    client.end_sending();
    return client.read_response().status;
  };
  for (const std::string& good :
       {"5\r\nhello\r\n0\r\n\r\n"s, "5;a=b;c=\"d e\"\r\nhello\r\n0\r\n\r\n"s, "005\r\nhello\r\n000\r\n\r\n"s,
        "5\r\nhello\r\n0;last\r\n\r\n"s, "5\r\nhello\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n"s}) {
    EXPECT_EQ(status_of(good), 200) << good;
  }
  for (const std::string& bad :
       {"5\nhello\r\n0\r\n\r\n"s, "5;a\nb\r\nhello\r\n0\r\n\r\n"s, "5;a\rb\r\nhello\r\n0\r\n\r\n"s,
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"s, "5;\0\r\nhello\r\n0\r\n\r\n"s, "5\rhello\r\n0\r\n\r\n"s,
        "5\r\nhello\n0\r\n\r\n"s, "5\r\nhello\r0\r\n\r\n"s, "5\r\nhello0\r\n\r\n"s, "5\r\nhello\r\n0\n\r\n"s,
        "5\r\nhello\r\n0\r\n\n"s, "5\r\nhello\r\n0;a\nb\r\n\r\n"s, "5\r\nhello\r\n0\r\nTrailer: x\n\r\n"s,
        "5\r\nhello\r\n0\r\nTrailer: a\rb\r\n\r\n"s, "5\r\nhello\r\n0\r\nTrailer\r\n\r\n"s,
        "5\r\nhello\r\n0\r\n: x\r\n\r\n"s, "5\r\nhello\r\n0\r\n folded\r\n\r\n"s,
        "5\r\nhello\r\n0\r\nTrailer : x\r\n\r\n"s}) {
    EXPECT_EQ(status_of(bad), 400) << bad;
  }
}

TEST_F(HttpRules, WhatIsARequestIsServed) {
  for (const char* const host :
       {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]", "[::1]:80", "a-b_c.example.", "a:"}) {
    EXPECT_EQ(RawClient(server_.port()).exchange("GET /x HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n").body,
              host);
  }
  EXPECT_EQ(RawClient(server_.port()).exchange("GET /x HTTP/1.1\r\nHost:\r\n\r\n").status, 200) << "none to name";
  EXPECT_EQ(RawClient(server_.port()).exchange("\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n").body, "a") << "[2.2]";
  EXPECT_EQ(RawClient(server_.port()).exchange("GET /x HTTP/1.0\r\n\r\n").status, 200);
}

// [3.2.2] The URL's host counts, not that of Host: also in Millrace's own checks.
TEST_F(HttpRules, ATargetInAbsoluteFormIsServedAsWhatItSays) {
  RawClient client(server_.port());
  EXPECT_EQ(client.exchange("GET http://there:81/x HTTP/1.1\r\nHost: here\r\n\r\n").body, "there:81");
  EXPECT_EQ(client.exchange("GET HTTPS://there/x?a=b HTTP/1.1\r\nHost: here\r\nA: b\r\n\r\n").body, "there");
  EXPECT_EQ(client.exchange("POST http://there/x HTTP/1.1\r\nContent-Length: 5\r\nHost: here\r\n\r\nhello").body,
            "hello");
  EXPECT_EQ(client.exchange("GET http://there HTTP/1.1\r\nHost: here\r\n\r\n").status, 404) << "the path is /";
  EXPECT_EQ(client.exchange("GET http://evil.example/events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 421);
}

// [9.3] Whether the connection goes on is said, and kept to.
TEST_F(HttpRules, ConnectionsGoOnAsTheyAreAskedTo) {
  const auto expect = [&](const std::string& version, const std::string& field, bool goes_on) {
    RawClient client(server_.port());
    client.send("GET /x HTTP/" + version + "\r\nHost: a\r\n" + field + "\r\n");
    const RawResponse response = client.read_response();
    EXPECT_EQ(response.status, 200);
    if (goes_on) {
      EXPECT_NE(response.field("Connection"), "close") << field;
      EXPECT_EQ(client.exchange("GET /x HTTP/1.1\r\nHost: b\r\n\r\n").body, "b") << field;
      EXPECT_EQ(response.field("Connection"), version == "1.0" ? "keep-alive" : "") << field;
    } else {
      EXPECT_EQ(response.field("Connection"), "close") << response.head;
      EXPECT_EQ(response.count("Keep-Alive"), 0u) << response.head;
      EXPECT_TRUE(client.is_at_end()) << field;
    }
  };
  expect("1.1", "", true);
  expect("1.1", "Connection: close\r\n", false);
  expect("1.1", "Connection: Close\r\n", false);
  expect("1.1", "Connection: TE, close\r\nTE: trailers\r\n", false);
  expect("1.1", "Connection: TE\r\nConnection: close\r\n", false);
  expect("1.0", "", false);
  expect("1.0", "Connection: keep-alive\r\n", true);
  expect("1.0", "Connection: Keep-Alive\r\n", true);
  expect("1.0", "Connection: keep-alive, close\r\n", false);
}

// A response that cannot be followed by another says so.
TEST_F(HttpRules, AnUnreadBodyEndsTheConnectionInSoManyWords) {
  RawClient client(server_.port());
  client.send("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n");
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(response.count("Keep-Alive"), 0u) << response.head;
}

TEST_F(HttpRules, AnExpectationIsNoneInHttp10) {
  RawClient client(server_.port());
  client.send("POST /x HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
  EXPECT_EQ(client.read_response().body, "hello");
}

TEST_F(HttpRules, RangesAreCountedAsTheyAreRead) {
  std::string ranges = "bytes=0-0";
  for (int i = 0; i < 500; ++i) ranges += "%2c0-0";
  const RawResponse response =
      RawClient(server_.port()).exchange("GET /x HTTP/1.1\r\nHost: localhost\r\nRange: " + ranges + "\r\n\r\n");
  if (is_httplib(44)) {  // which does not percent-decode values
    EXPECT_EQ(response.status, 416);
  } else {
    EXPECT_EQ(response.body, "localhost") << "all of it, once";
  }
}

TEST(ForeignProtocol, IsAnsweredAtOnceCountedAndLogged) {
  std::mutex mutex;
  std::vector<std::string> log;
  ServerOptions options;
  options.http.http2 = false;
  options.on_foreign_protocol = [&](const std::string& line) {
    const std::lock_guard lock(mutex);
    log.push_back(line);
  };
  RunningServer server(options, with_routes);
  // As curl begins, cut short: the rest need not come.
  const std::string hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s;
  for (const std::string& begin : {hello, hello.substr(0, 2), hello + "\r\n\r\n"}) {
    RawClient tls(server.port());
    tls.send(begin);
    const RawResponse response = tls.read_response();
    EXPECT_EQ(response.status, 400);
    EXPECT_NE(response.body.find("TLS"), std::string::npos) << response.body;
    EXPECT_TRUE(tls.is_at_end());
  }
  RawClient http2(server.port());
  http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const RawResponse response = http2.read_response();
  EXPECT_EQ(response.status, 505);
  EXPECT_NE(response.body.find("HTTP/2"), std::string::npos) << response.body;
  const std::string metrics = RawClient(server.port()).exchange(get("/metrics")).body;
  EXPECT_NE(metrics.find("reason=\"tls\""), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("reason=\"http2\""), std::string::npos) << metrics;
  server.stop();
  ASSERT_EQ(log.size(), 2u) << "one line for each protocol, however many connections";
  EXPECT_NE(log[0].find("127.0.0.1"), std::string::npos) << log[0];
  EXPECT_NE(log[0].find("clear HTTP: use http://"), std::string::npos) << log[0];
  EXPECT_NE(log[1].find("HTTP/2"), std::string::npos) << log[1];
}

TEST(ForeignProtocol, WhoseCallbacksThrowEndsNothing) {
  std::atomic<int> failures = 0;
  ServerOptions options;
  options.http.http2 = false;
  options.on_foreign_protocol = [](const std::string&) { throw std::runtime_error("cannot be written down"); };
  options.on_failure = [&](const std::string& failure) {
    if (failure == "on_foreign_protocol: cannot be written down") ++failures;
    throw std::runtime_error("nor can that");
  };
  RunningServer server(options, with_routes);
  StreamClient stream(server.port(), "/events?topic=a");
  RawClient http2(server.port());
  http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(http2.read_response().status, 505);
  server->hub().publish("a", {.data = "1"}).or_throw();
  EXPECT_EQ(stream.next_data(), "1");
  EXPECT_EQ(failures, 1);
}

}  // namespace
}  // namespace millrace::test
