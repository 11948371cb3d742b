// A listed page reads every answer of Millrace's own, also those that come before routing, or before a request.
#include "http/cross_origin.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "ask.h"
#include "millrace/server/function_authorizer.h"
#include "raw_client.h"
#include "running_server.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

constexpr char kPage[] = "https://app.example";

std::string from_page(const std::string& method, const std::string& target, const std::string& headers = {},
                      const std::string& body = {}) {
  return request(method, target, std::string("Origin: ") + kPage + "\r\n" + headers, body);
}

// What a server answers to these bytes before it closes or waits on.
std::string answer_to(int port, const std::string& bytes) {
  RawClient client(port);
  client.send(bytes);
  return client.read_until("\r\n\r\n");
}

ServerOptions open_to_page() {
  return {.threads = {.workers = 2, .loops = 1}, .publishing = {.anonymous = true}, .cors = {.origins = {kPage}}};
}

void expect_readable(const std::string& response, int status) {
  EXPECT_EQ(status_of(response), status) << response;
  EXPECT_EQ(header_of(response, "Access-Control-Allow-Origin"), kPage) << response;
  EXPECT_EQ(header_of(response, "Access-Control-Allow-Credentials"), "true") << response;
  EXPECT_NE(header_of(response, "Access-Control-Expose-Headers").find("Retry-After"), std::string::npos) << response;
  EXPECT_NE(response.find("Vary: Origin\r\n"), std::string::npos) << response;
}

TEST(CrossOrigin, IsSaidInRefusalsOfEventLoops) {
  ServerOptions options = open_to_page();
  options.http.head_deadline = Duration{1'000};  // in which a client has to send what it sends
  options.http.body_deadline = Duration{1'000};
  RunningServer running(options);
  const int port = running.port();
  expect_readable(answer_to(port, from_page("GET", "/events", "X: " + std::string(20'000, 'x') + "\r\n")), 431);
  expect_readable(answer_to(port, from_page("GET", "/events", "Transfer-Encoding: gzip\r\n")), 501);
  expect_readable(answer_to(port, from_page("GET", "/events", "No colon\r\n")), 400);
  const std::string unfinished_head =
      "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n";
  expect_readable(answer_to(port, unfinished_head), 408);
  std::string unfinished_body = from_page("POST", "/events", "", R"({"topic":"a"})");
  unfinished_body.pop_back();
  expect_readable(answer_to(port, unfinished_body), 408);
}

TEST(CrossOrigin, IsSaidWhereThereIsNoMemoryForARequest) {
  ServerOptions options = open_to_page();
  options.http.max_buffered_bytes = 1;
  RunningServer running(options);
  RawClient client(running.port());
  client.send(from_page("POST", "/events", "Content-Type: application/json\r\n", std::string(60'000, ' ')));
  expect_readable(client.read_until("\r\n\r\n"), 503);
}

TEST(CrossOrigin, IsSaidInRefusalsOfRoutesAndWhereThereIsNone) {
  RunningServer running(open_to_page(), [](Server& server) {
    server.events("/events").operations();
    server.Get("/fails", [](const auto&, auto&) { throw std::runtime_error("it does"); });
  });
  const int port = running.port();
  expect_readable(answer_to(port, from_page("GET", "/events")), 400);
  expect_readable(answer_to(port, from_page("POST", "/events", "", "{")), 400);
  expect_readable(answer_to(port, from_page("GET", "/fails")), 500);
  running->drain(Duration{0});
  expect_readable(answer_to(port, from_page("GET", "/events?topic=a")), 503);
  expect_readable(answer_to(port, from_page("GET", "/readyz")), 503);
}

// A connection is refused before its request, and so its origin, has been read.
TEST(CrossOrigin, IsSaidBeforeARequestWhereOnePageOrEveryPageIsListed) {
  const auto allowed_by = [](const std::vector<std::string>& origins) {
    ServerOptions options = open_to_page();
    options.shares.max_connections_per_address = 1;
    options.cors.origins = origins;
    RunningServer running(options);
    RawClient first(running.port());
    first.send(request("GET", "/events?topic=a"));
    first.read_until("\n\n");
    const std::string response = RawClient(running.port()).read_until("\r\n\r\n");
    EXPECT_EQ(status_of(response), 429);
    return header_of(response, "Access-Control-Allow-Origin");
  };
  EXPECT_EQ(allowed_by({kPage}), kPage);
  EXPECT_EQ(allowed_by({kPage, "*"}), "*");
  EXPECT_EQ(allowed_by({kPage, "https://other.example"}), "");
}

TEST(CrossOrigin, IsNotSaidToOtherPagesNorWithoutAList) {
  RunningServer running(open_to_page());
  const std::string other =
      answer_to(running.port(), request("GET", "/events", "Origin: https://evil.example\r\nNo colon\r\n"));
  EXPECT_EQ(status_of(other), 400);
  EXPECT_EQ(header_of(other, "Access-Control-Allow-Origin"), "");
  RunningServer closed({.threads = {.workers = 1, .loops = 1}});
  const std::string none = answer_to(closed.port(), from_page("GET", "/events", "No colon\r\n"));
  EXPECT_EQ(none.find("Access-Control"), std::string::npos) << none;
  EXPECT_EQ(none.find("Vary"), std::string::npos) << none;
}

TEST(CrossOrigin, ListsFurtherHeadersThatPagesMaySend) {
  ServerOptions options = open_to_page();
  options.cors.headers = {"X-User", "X-Trace-Id"};
  RunningServer running(options);
  EXPECT_EQ(header_of(answer_to(running.port(), from_page("OPTIONS", "/events")), "Access-Control-Allow-Headers"),
            "Authorization, Cache-Control, Content-Type, Last-Event-ID, X-User, X-Trace-Id");
  for (const char* bad : {"", "*", "X User", "X:", "X\r\nY", "X,Y"}) {
    EXPECT_NE(complaint_of([&] { Server server({.cors = {.headers = {bad}}}); }).find("ServerOptions::cors.headers"),
              std::string::npos)
        << bad;
  }
}

TEST(CrossOrigin, FindsTheOriginInWhatThereIsOfAHead) {
  EXPECT_EQ(origin_in("GET / HTTP/1.1\r\nHost: a\r\noRIGIN: \thttps://a.example \r\nX: y\r\n"), "https://a.example");
  EXPECT_EQ(origin_in("GET / HTTP/1.1\r\nOrigin: https://a.example"), "") << "it may go on";
  EXPECT_EQ(origin_in("Origin: https://a.example\r\nHost: a\r\n"), "") << "no field, but the request line";
  EXPECT_EQ(origin_in("GET / HTTP/1.1\r\nOrigin: https://a\r\nOrigin: https://b\r\n"), "") << "which of them?";
  EXPECT_EQ(origin_in("GET / HTTP/1.1\r\n\r\nOrigin: https://a.example\r\n"), "") << "in the body";
  EXPECT_EQ(origin_in("GET / HTTP/1.1\r\nX-Origin: https://a.example\r\nOrigin\r\n"), "");
  EXPECT_EQ(origin_in(""), "");
}

}  // namespace
}  // namespace millrace::test
