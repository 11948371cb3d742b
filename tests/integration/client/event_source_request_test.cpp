// What a source sends, and where redirects lead it.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";

EventSourceOptions eager() {
  EventSourceOptions options;
  options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
  return options;
}

std::string request_line(const std::string& request) {
  return request.substr(0, request.find("\r\n"));
}

std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

std::string redirect(int status, const std::string& location) {
  return "HTTP/1.1 " + std::to_string(status) + " Elsewhere\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n";
}

/// The one request that a source with these options sends.
std::string request_of(EventSourceOptions options, const std::string& path = "/events") {
  std::string request;
  ScriptedServer server([&](Peer& peer, int) {
    request = peer.read_request();
    peer.send(kNoContent);
  });
  EventSource(server.url(path), std::move(options)).run();
  return request;
}

TEST(EventSourceRequest, IsTheStandards) {
  const std::string request = request_of(eager(), "/events?topic=a%2Fb&q=x y");
  EXPECT_EQ(request_line(request), "GET /events?topic=a%2Fb&q=x%20y HTTP/1.1");
  EXPECT_EQ(header_of(request, "Accept"), "text/event-stream");
  EXPECT_EQ(header_of(request, "Cache-Control"), "no-cache");
  EXPECT_EQ(request.find("Last-Event-ID"), std::string::npos);
  EXPECT_EQ(header_of(request, "Host").substr(0, 10), "127.0.0.1:");
}

TEST(EventSourceRequest, CarriesTheUsersHeaders) {
  EventSourceOptions options = eager();
  options.headers = {{"Authorization", "Bearer 100%25"}, {"accept", "*/*"}};
  const std::string request = request_of(std::move(options));
  EXPECT_EQ(header_of(request, "Authorization"), "Bearer 100%25");
  EXPECT_EQ(header_of(request, "Accept"), "*/*");
  EXPECT_EQ(request.find("text/event-stream"), std::string::npos);
}

TEST(EventSourceRequest, CarriesABody) {
  EventSourceOptions options = eager();
  options.method = "POST";
  options.body = "{\"prompt\":\"hi\"}";
  options.headers = {{"Content-Type", "application/json"}};
  const std::string request = request_of(std::move(options));
  EXPECT_EQ(request_line(request), "POST /events HTTP/1.1");
  EXPECT_EQ(header_of(request, "Content-Type"), "application/json");
  EXPECT_EQ(body_of(request), "{\"prompt\":\"hi\"}");
}

TEST(EventSourceRequest, AsksForHeadersBeforeEachAttempt) {
  Lines tokens;
  ScriptedServer server([&](Peer& peer, int attempt) {
    tokens.push_back(header_of(peer.read_request(), "Authorization"));
    peer.send(attempt < 3 ? kStreamHead : kNoContent);
  });
  EventSourceOptions options = eager();
  options.headers = {{"Authorization", "stale"}};
  options.headers_for_attempt = [n = 0]() mutable {
    return HttpHeaders{{"Authorization", "token " + std::to_string(++n)}};
  };
  EventSource(server.url(), std::move(options)).run();
  EXPECT_EQ(tokens, (Lines{"token 1", "token 2", "token 3"}));
}

TEST(EventSourceRequest, TriesAgainWhenTheHeadersCannotBeHad) {
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send(kNoContent);
  });
  EventSourceOptions options = eager();
  options.headers_for_attempt = [n = 0]() mutable {
    if (++n == 1) throw std::runtime_error("no token yet");
    if (n == 2) return HttpHeaders{{"Authorization", "two\r\nlines"}};
    return HttpHeaders{};
  };
  EventSource source(server.url(), std::move(options));
  Lines errors;
  source.on_error([&](const EventSourceError& error) { errors.emplace_back(error.message); });
  source.run();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors[0], "headers_for_attempt: no token yet");
  EXPECT_EQ(errors[1],
            "headers_for_attempt: header \"Authorization\": its value contains CR, LF or NUL, which cannot be sent");
  EXPECT_EQ(server.attempts(), 1);
}

TEST(EventSourceRequest, ReconnectsToTheOriginalUrlAfterARedirect) {
  Lines seen;
  ScriptedServer server([&](Peer& peer, int attempt) {
    const std::string request = peer.read_request();
    seen.push_back(request_line(request) + " " + header_of(request, "Last-Event-ID"));
    if (attempt % 2 == 1) return peer.send(redirect(307, "/there?q=%2F%26%25"));
    peer.send(attempt == 2 ? std::string(kStreamHead) + "id: 7\n\n" : std::string(kNoContent));
  });
  EventSource(server.url(), eager()).run();
  EXPECT_EQ(seen, (Lines{"GET /events HTTP/1.1 ", "GET /there?q=%2F%26%25 HTTP/1.1 ", "GET /events HTTP/1.1 7",
                         "GET /there?q=%2F%26%25 HTTP/1.1 7"}));
}

struct Redirect {
  int status;
  std::string method;
  std::string method_then;
};

class EventSourceRedirect : public ::testing::TestWithParam<Redirect> {};

TEST_P(EventSourceRedirect, KeepsOrChangesTheMethod) {
  std::string request;
  ScriptedServer target([&](Peer& peer, int) {
    request = peer.read_request();
    peer.send(kNoContent);
  });
  ScriptedServer origin([&](Peer& peer, int) {
    peer.read_request();
    peer.send(redirect(GetParam().status, target.url("/target")));
  });
  EventSourceOptions options = eager();
  options.method = GetParam().method;
  options.body = options.method == "GET" ? "" : "body";
  options.headers = {{"Authorization", "secret"}, {"X-Mine", "kept"}, {"Content-Type", "text/x"}};
  EventSource(origin.url(), std::move(options)).run();

  EXPECT_EQ(request_line(request), GetParam().method_then + " /target HTTP/1.1");
  EXPECT_EQ(body_of(request), GetParam().method_then == "GET" ? "" : "body");
  EXPECT_EQ(header_of(request, "Content-Type"), GetParam().method == GetParam().method_then ? "text/x" : "");
  EXPECT_EQ(header_of(request, "Authorization"), "") << "another origin must not get the token";
  EXPECT_EQ(header_of(request, "X-Mine"), "kept");
  EXPECT_EQ(header_of(request, "Host"), "127.0.0.1:" + std::to_string(target.port()));
}

INSTANTIATE_TEST_SUITE_P(, EventSourceRedirect,
                         ::testing::Values(Redirect{301, "GET", "GET"}, Redirect{301, "POST", "GET"},
                                           Redirect{302, "POST", "GET"}, Redirect{303, "PUT", "GET"},
                                           Redirect{307, "POST", "POST"}, Redirect{308, "POST", "POST"},
                                           Redirect{302, "PUT", "PUT"}));

TEST(EventSourceRequest, GivesUpAnAttemptThatIsRedirectedForEver) {
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send(redirect(302, "/again"));
  });
  EventSource source(server.url(), eager());
  std::string message;
  source.on_error([&](const EventSourceError& error) {
    EXPECT_TRUE(error.will_reconnect);
    message = error.message;
    source.close();
  });
  source.run();
  EXPECT_EQ(message, "the server redirects more than 20 times");
  EXPECT_EQ(server.attempts(), kMaxRedirects + 1);
}

TEST(EventSourceRequest, GivesUpAnAttemptThatIsRedirectedNowhere) {
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send(redirect(302, "ftp://elsewhere/"));
  });
  EventSource source(server.url(), eager());
  std::string message;
  source.on_error([&](const EventSourceError& error) {
    message = error.message;
    source.close();
  });
  source.run();
  EXPECT_NE(message.find("\"ftp\" is not supported"), std::string::npos) << message;
}

std::string complaint(EventSourceOptions options, const std::string& url = "http://127.0.0.1/") {
  try {
    EventSource source(url, std::move(options));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(EventSourceRequest, RefusesOptionsItCannotHonour) {
  EXPECT_NE(complaint({}, "localhost").find("expected http(s)://"), std::string::npos);
  EXPECT_EQ(complaint({.headers = {{"Bad Name", "x"}}}).substr(0, 17), "header \"Bad Name\"");
  EXPECT_NE(complaint({.headers = {{"X", "a\nb"}}}).find("CR, LF or NUL"), std::string::npos);
  EXPECT_NE(complaint({.headers = {{"last-event-id", "1"}}}).find("option last_event_id"), std::string::npos);
  EXPECT_NE(complaint({.headers = {{"Content-Length", "1"}}}).find("Millrace sets it itself"), std::string::npos);
  EXPECT_EQ(complaint({.last_event_id = "a\nb"}).substr(0, 14), "last_event_id:");
  EXPECT_EQ(complaint({.method = "GE T"}).substr(0, 13), "method \"GE T\"");
  EXPECT_EQ(complaint({.body = "x"}).substr(0, 5), "body:");
  EXPECT_EQ(complaint({.connect_timeout = Duration{0}}).substr(0, 16), "connect_timeout:");
  EXPECT_EQ(complaint({.tls = {.ca_file = "/nowhere.pem"}}).substr(0, 26), "tls.ca_file \"/nowhere.pem\"");
}

}  // namespace
}  // namespace millrace::test
