// Under which names a server can be reached, and from which web pages.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ask.h"
#include "http/origin.h"
#include "millrace/server/function_authorizer.h"
#include "running_server.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

constexpr char kBody[] = R"({"topic":"a","data":"x"})";

ServerOptions open_to(std::vector<std::string> origins) {
  return {.threads = {.workers = 2, .loops = 1},
          .publishing = {.anonymous = true},
          .cors = {.origins = std::move(origins)}};
}

std::string get(int port, const std::string& headers) {
  return ask(port, request("GET", "/events?topic=a", headers));
}
std::string post(int port, const std::string& headers) {
  return ask(port, request("POST", "/events", headers, kBody));
}
std::string preflight(int port, const std::string& origin) {
  return ask(
      port, request("OPTIONS", "/events",
                    "Origin: " + origin +
                        "\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: last-event-id\r\n"));
}

TEST(Origin, IsReadAsBrowsersWriteIt) {
  for (const char* origin :
       {"https://a.example", "http://localhost:8080", "http://[::1]:1", "chrome-extension://abc"}) {
    EXPECT_TRUE(is_origin(origin)) << origin;
  }
  for (const char* other :
       {"", "null", "a.example", "https://", "://a", "https://a/", "https://a/b", "https://u@a", "https://*.a"}) {
    EXPECT_FALSE(is_origin(other)) << other;
  }
  EXPECT_TRUE(is_same_origin("https://a.example", "a.example"));
  EXPECT_TRUE(is_same_origin("https://a.example", "A.example:443"));
  EXPECT_TRUE(is_same_origin("http://a.example:80", "a.example"));
  EXPECT_TRUE(is_same_origin("http://[::1]:8080", "[::1]:8080"));
  EXPECT_FALSE(is_same_origin("http://a.example:8080", "a.example"));
  EXPECT_FALSE(is_same_origin("http://a.example", "a.example:443"));
  EXPECT_FALSE(is_same_origin("https://b.example", "a.example"));
  EXPECT_FALSE(is_same_origin("https://a.example.evil", "a.example"));
  EXPECT_FALSE(is_same_origin("null", "null"));
  EXPECT_FALSE(is_same_origin("http://", ""));
}

TEST(Origin, KnowsTheNamesOfThisMachine) {
  for (const char* host : {"localhost", "LocalHost:1", "127.0.0.1:8080", "127.200.3.4", "[::1]:8080", "[::1]"}) {
    EXPECT_TRUE(is_loopback_name(host_name(host))) << host;
  }
  for (const char* host : {"", "a.example", "localhost.evil", "127.0.0.1.evil", "127.0.0.1.evil:80", "127.1",
                           "10.0.0.1", "[::2]", "0.0.0.0", "127.0.0.256"}) {
    EXPECT_FALSE(is_loopback_name(host_name(host))) << host;
  }
}

TEST(Borders, RefuseNamesThatAPageCouldHavePointedHere) {
  ServerOptions options = open_to({});
  options.http.allowed_hosts = {"events.example"};
  RunningServer running(options);
  for (const char* host : {"localhost", "127.0.0.1:80", "[::1]", "events.example", "Events.Example:443"}) {
    const std::string header = std::string("Host: ") + host + "\r\n";
    EXPECT_EQ(status_of(get(running.port(), header)), 200) << host;
    EXPECT_EQ(status_of(post(running.port(), header)), 200) << host;
  }
  const std::string evil = "Host: evil.example\r\n";
  for (const std::string& response : {get(running.port(), evil), post(running.port(), evil),
                                      post(running.port(), evil + "Origin: http://evil.example\r\n"),
                                      ask(running.port(), request("OPTIONS", "/events", evil))}) {
    EXPECT_EQ(status_of(response), 421) << response;
    EXPECT_NE(response.find("allowed_hosts"), std::string::npos) << response;
  }
}

TEST(Borders, KnowOnlyThisMachinesNamesWhereTheServerListensOnLoopbackAndNoneIsListed) {
  RunningServer running(open_to({}));
  EXPECT_EQ(status_of(get(running.port(), "Host: localhost\r\n")), 200);
  EXPECT_EQ(status_of(get(running.port(), "Host: evil.example\r\n")), 421);
  EXPECT_EQ(status_of(post(running.port(), "Host: evil.example\r\n")), 421);
}

TEST(Borders, HoldTheNamesThatAreListedOnEveryAddressAndAnyNameWhereNoneIs) {
  ServerOptions options = open_to({});
  RunningServer open(options);
  open.stop();
  open.start("0.0.0.0");
  EXPECT_EQ(status_of(get(open.port(), "Host: any.example\r\n")), 200);
  options.http.allowed_hosts = {"events.example"};
  RunningServer named(options);
  named.stop();
  named.start("0.0.0.0");
  EXPECT_EQ(status_of(get(named.port(), "Host: events.example:8080\r\n")), 200);
  for (const char* host : {"any.example", "localhost", "127.0.0.1"}) {
    const std::string header = std::string("Host: ") + host + "\r\n";
    EXPECT_EQ(status_of(get(named.port(), header)), 421) << host;
    EXPECT_EQ(status_of(post(named.port(), header)), 421) << host;
  }
}

TEST(Borders, LetAPageReadOnlyIfItsOriginIsListed) {
  RunningServer running(open_to({"https://app.example"}));
  const std::string listed = get(running.port(), "Origin: https://app.example\r\n");
  EXPECT_EQ(status_of(listed), 200);
  EXPECT_EQ(header_of(listed, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header_of(listed, "Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(header_of(listed, "Vary"), "Origin");
  for (const char* origin : {"https://evil.example", "http://app.example", "https://app.example:8443", "null",
                             "https://app.example.evil", "*"}) {
    const std::string other = get(running.port(), std::string("Origin: ") + origin + "\r\n");
    EXPECT_EQ(header_of(other, "Access-Control-Allow-Origin"), "") << origin;
    EXPECT_EQ(header_of(other, "Access-Control-Allow-Credentials"), "") << origin;
    EXPECT_EQ(header_of(other, "Vary"), "Origin") << origin;
  }
  EXPECT_EQ(header_of(get(running.port(), ""), "Vary"), "Origin");
}

TEST(Borders, LetEveryPageReadByAStarButNeverWithCookies) {
  RunningServer running(open_to({"*", "https://app.example"}));
  const std::string any = get(running.port(), "Origin: https://any.example\r\nCookie: a=b\r\n");
  EXPECT_EQ(header_of(any, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(header_of(any, "Access-Control-Allow-Credentials"), "");
  EXPECT_EQ(header_of(get(running.port(), "Origin: https://app.example\r\n"), "Access-Control-Allow-Credentials"),
            "true");
  EXPECT_EQ(status_of(post(running.port(), "Origin: https://any.example\r\n")), 200);
  EXPECT_EQ(status_of(post(running.port(), "Origin: https://any.example\r\nCookie: a=b\r\n")), 403);
  EXPECT_EQ(status_of(post(running.port(), "Origin: https://app.example\r\nCookie: a=b\r\n")), 200);
}

TEST(Borders, TellAPageWhyItWasRefused) {
  ServerOptions options = open_to({"https://app.example"});
  options.authorizer = std::make_shared<FunctionAuthorizer>(
      [](const auto&, auto, const auto&) { return Authorizer::Decision::forbidden("not you"); });
  RunningServer running(options);
  const std::string refused = get(running.port(), "Origin: https://app.example\r\n");
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_EQ(header_of(refused, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header_of(refused, "Access-Control-Expose-Headers"),
            "Retry-After, Last-Event-ID, Millrace-Answer, Millrace-Heartbeat");
}

TEST(Borders, LetNoPageOfAnotherOriginPublish) {
  RunningServer running(open_to({"https://app.example"}));
  const std::string host = "Host: localhost:8080\r\n";
  for (const char* origin : {"https://evil.example", "null", "http://localhost:3000", "http://localhost"}) {
    const std::string response = post(running.port(), host + "Cookie: token=x\r\nOrigin: " + origin + "\r\n");
    EXPECT_EQ(status_of(response), 403) << origin;
    EXPECT_NE(response.find("cors.origins"), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(post(running.port(), host + "Origin: http://localhost:8080\r\n")), 200);
  EXPECT_EQ(status_of(post(running.port(), host + "Origin: https://app.example\r\n")), 200);
  EXPECT_EQ(status_of(post(running.port(), host)), 200);
}

TEST(Borders, AnswerPreflights) {
  RunningServer running(open_to({"https://app.example"}));
  const std::string allowed = preflight(running.port(), "https://app.example");
  EXPECT_EQ(status_of(allowed), 204);
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Methods"), "GET, HEAD, POST");
  EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Headers"),
            "Authorization, Cache-Control, Content-Type, Last-Event-ID");
  EXPECT_EQ(header_of(allowed, "Access-Control-Max-Age"), "7200");
  EXPECT_EQ(header_of(allowed, "Vary"), "Origin");
  const std::string refused = preflight(running.port(), "https://evil.example");
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_EQ(header_of(refused, "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(header_of(refused, "Access-Control-Allow-Headers"), "");
  EXPECT_EQ(status_of(ask(running.port(), request("OPTIONS", "/events"))), 204);
}

TEST(Borders, AreClosedWhereNothingIsSaid) {
  RunningServer running(open_to({}));
  EXPECT_EQ(status_of(preflight(running.port(), "https://app.example")), 403);
  EXPECT_EQ(header_of(get(running.port(), "Origin: https://app.example\r\n"), "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(status_of(post(running.port(), "Origin: https://app.example\r\n")), 403);
}

TEST(Borders, RefuseOptionsThatAreNoNames) {
  for (const char* origin : {"https://app.example/", "app.example", "https://*.example", "null", ""}) {
    EXPECT_NE(complaint_of([&] { Server server({.cors = {.origins = {origin}}}); }).find("ServerOptions::cors.origins"),
              std::string::npos)
        << origin;
  }
  for (const char* host : {"Events.example", "events.example:80", ""}) {
    EXPECT_NE(complaint_of([&] {
                Server server({.http = {.allowed_hosts = {host}}});
              }).find("ServerOptions::http.allowed_hosts"),
              std::string::npos)
        << host;
  }
}

}  // namespace
}  // namespace millrace::test
