// Fetching events one by one, starting over, comments, gaps, and what a source says of itself.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "scripted_server.h"
#include "sleeping_threads.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";

EventSourceOptions eager() {
  EventSourceOptions options;
  options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
  return options;
}

TEST(EventSourcePull, HandsOutEventsOneByOneToALoop) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(attempt == 1 ? std::string(kStreamHead) + "id: 1\ndata: a\n\nevent: x\ndata: b\n\n"
                           : std::string(kNoContent));
  });
  EventSource source(server.url(), eager());
  Lines lines;
  for (const ReceivedEvent& event : source) {
    lines.push_back(event.type + "|" + event.data + "|" + event.last_event_id + (event.has_id ? "" : " inherited"));
  }
  EXPECT_EQ(lines, (Lines{"message|a|1", "x|b|1 inherited"}));
  EXPECT_EQ(source.ready_state(), EventSource::ReadyState::kClosed);
  EXPECT_EQ(source.next(), std::nullopt);
}

TEST(EventSourcePull, WaitsNoLongerThanItsTimeout) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(kStreamHead);
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  EXPECT_EQ(source.next(Duration{20}), std::nullopt);
  EXPECT_NE(source.ready_state(), EventSource::ReadyState::kClosed);
  EXPECT_THROW(source.run(), std::logic_error);
  EXPECT_THROW(source.on_open([] {}), std::logic_error);
  std::thread closer([&] { source.close(); });
  EXPECT_EQ(source.next(), std::nullopt);
  closer.join();
}

TEST(EventSourcePull, MakesTheServerWaitWhileEventsDo) {
  constexpr std::size_t kEvents = 200'000;
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt > 1) return peer.send(kNoContent);
    std::string events(kStreamHead);
    for (std::size_t n = 0; n < kEvents; ++n)
      events += "data: " + std::to_string(n) + " " + std::string(100, 'x') + "\n\n";
    peer.send(events);
  });
  EventSourceOptions options = eager();
  options.policy.idle_timeout = Duration{3'600'000};
  std::atomic<std::size_t> read{0};
  EventSource source(server.url(), std::move(options));
  source.on_any([&](const MessageEvent&) { ++read; });
  constexpr std::size_t kMostAhead = kMaxWaitingEvents + 200;  // those of the same read, of 16 KiB
  std::size_t expected = 0;
  for (const ReceivedEvent& event : source) {
    if (expected == 0) test::wait_until_others_sleep();  // it has run ahead as far as it does
    ASSERT_LE(read - expected, kMostAhead);
    ASSERT_EQ(event.data.substr(0, event.data.find(' ')), std::to_string(expected));
    ++expected;
  }
  EXPECT_EQ(expected, kEvents);
}

TEST(EventSourcePull, HandsOutNothingThatWaitsOnceItIsClosed) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "data: a\n\ndata: b\n\ndata: c\n\n");
    peer.wait_until_closed();
  });
  Collector heard;
  std::promise<void> closed;
  EventSource source(server.url());
  source.on_any([&](const MessageEvent& event) {
    heard.add(std::string(event.data));
    if (event.data == "c") closed.get_future().wait();  // so that the source's thread can drop nothing itself
  });
  EXPECT_EQ(source.next()->data, "a");
  ASSERT_TRUE(heard.wait_for(3));
  source.close();
  EXPECT_EQ(source.next(), std::nullopt) << "b waits";
  closed.set_value();
}

TEST(EventSourcePull, HandsOutWhatWaitsWhenTheStreamIsLongOver) {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(attempt == 1 ? std::string(kStreamHead) + "data: a\n\ndata: b\n\ndata: c\n\n" : std::string(kNoContent));
  });
  const auto threads_before = threads();
  EventSource source(server.url(), eager());
  EXPECT_EQ(source.next()->data, "a");
  ASSERT_TRUE(eventually([&] { return threads() <= threads_before; })) << "the source's own does not end";
  EXPECT_EQ(source.ready_state(), EventSource::ReadyState::kClosed);
  EXPECT_EQ(source.next()->data, "b");
  EXPECT_EQ(source.next()->data, "c");
  EXPECT_EQ(source.next(), std::nullopt);
}

TEST(EventSourceRestart, ConnectsAnewFromTheLastIdWithoutAnError) {
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    ids.push_back(header_of(peer.read_request(), "Last-Event-ID"));
    peer.send(std::string(kStreamHead) + "retry: 3600000\nid: " + std::to_string(attempt) + "\ndata: x\n\ndata: y\n\n");
    if (attempt < 3) peer.wait_until_closed();
  });
  int heard = 0;
  EventSource source(server.url());
  Collector collector(source);
  source.on_message([&](const MessageEvent&) {
    if (++heard <= 2) source.restart();  // in the middle of a chunk: y is not heard
  });
  source.start();
  ASSERT_TRUE(collector.wait_for(8));
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|x|1", "open", "message|x|2", "open", "message|x|3",
                                      "message|y|3", "error the server ended the stream"}));
  EXPECT_EQ(ids, (Lines{"", "1", "2"}));
  source.restart();  // out of the wait of an hour
  ASSERT_TRUE(collector.wait_for(10));
}

TEST(EventSourceReports, CommentsAndGaps) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) +
              ": hi\nevent: millrace.gap\ndata: {\"lastEventId\":\"7\",\"reason\":\"expired\"}\n\n" +
              "event: millrace.gap\ndata: nonsense\n\ndata: x\n\n");
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  Lines lines;
  source.on_comment([&](std::string_view comment) { lines.emplace_back(comment); });
  source.on_gap([&](const EventSourceGap& gap) {
    lines.push_back("gap " + std::string(gap.last_event_id) + " " + std::string(gap.reason));
  });
  source.on_message([&](const MessageEvent&) { source.close(); });
  source.run();
  EXPECT_EQ(lines, (Lines{"hi", "gap 7 expired", "gap  "}));
}

TEST(EventSourceReports, WhatAServerSaysOfItsRefusal) {
  struct Refusal {
    std::string type;
    std::string body;
    std::string message;
  };
  const std::string long_body(5'000, 'x');
  for (const Refusal& refusal : {
           Refusal{"text/plain", "no such topic\r\nat all", "the server answered 404: no such topic"},
           Refusal{"application/json; charset=utf-8", R"({"error":"no\u001b[31m topic"})",
                   "the server answered 404: no[31m topic"},
           Refusal{"application/problem+json", R"({"title":"gone"})", "the server answered 404: gone"},
           Refusal{"application/json", R"({"error":{"message":"deep\u009b"}})", "the server answered 404: deep"},
           Refusal{"application/json", R"({"error":)", "the server answered 404"},
           Refusal{"text/plain", "a\x9b\xc2\x9b\x7f\xe2\x80\xa8\xff\xc3é\xe2\x82", "the server answered 404: aé"},
           Refusal{"text/html", "<h1>no</h1>", "the server answered 404"},
           Refusal{"text/plain", long_body, "the server answered 404: " + std::string(kMaxExplanationBytes, 'x') + "…"},
       }) {
    ScriptedServer server([&](Peer& peer, int) {
      peer.read_request();
      peer.send("HTTP/1.1 404 Not Found\r\nContent-Type: " + refusal.type + "\r\n\r\n" + refusal.body);
    });
    EventSource source(server.url());
    Lines errors;
    source.on_error([&](const EventSourceError& error) { errors.emplace_back(error.message); });
    source.run();
    EXPECT_EQ(errors, Lines{refusal.message});
  }
}

TEST(EventSourceReports, ARefusalWithoutWaitingForAnExplanationThatNeverComes) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nbecause");
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  Lines errors;
  source.on_error([&](const EventSourceError& error) { errors.emplace_back(error.message); });
  source.run();
  EXPECT_EQ(errors, Lines{"the server answered 403: because"});
}

TEST(EventSourceRetry, HeedsADateAndTheUsersSayAndTheNumberOfAttempts) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(attempt == 1 ? "HTTP/1.1 404 No\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                             "Retry-After: Sun, 06 Nov 1994 08:49:38 GMT\r\nContent-Length: 0\r\n\r\n"
                           : "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
  });
  EventSourceOptions options = eager();
  options.policy.max_attempts = 3;
  options.retry_on_status = [](int status) { return status == 404; };
  EventSource source(server.url(), std::move(options));
  std::vector<bool> again;
  source.on_error([&](const EventSourceError& error) {
    if (again.empty()) {
      EXPECT_GT(error.reconnect_in, Duration{900});
    }
    again.push_back(error.will_reconnect);
  });
  source.run();
  EXPECT_EQ(again, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(server.attempts(), 3);
}

TEST(EventSourceRequest, AuthenticatesItselfButNotToAnotherOrigin) {
  const auto authorization_of = [](EventSourceOptions options) {
    Lines seen;
    ScriptedServer other([&](Peer& peer, int) {
      seen.push_back(header_of(peer.read_request(), "Authorization"));
      peer.send(kNoContent);
    });
    ScriptedServer server([&](Peer& peer, int) {
      seen.push_back(header_of(peer.read_request(), "Authorization"));
      peer.send("HTTP/1.1 307 There\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n");
    });
    EventSource(server.url(), std::move(options)).run();
    return seen;
  };
  EXPECT_EQ(authorization_of({.bearer_token = "t0ken"}), (Lines{"Bearer t0ken", ""}));
  EXPECT_EQ(authorization_of({.basic = BasicCredentials{"me", "se:cret"}}), (Lines{"Basic bWU6c2U6Y3JldA==", ""}));
  EXPECT_THROW(EventSource("http://a/", {.headers = {{"authorization", "x"}}, .bearer_token = "y"}),
               std::invalid_argument);
  EXPECT_THROW(EventSource("http://a/", {.basic = BasicCredentials{"a:b", ""}}), std::invalid_argument);
}

TEST(EventSourceRequest, GoesThroughAProxy) {
  std::string request;
  ScriptedServer proxy([&](Peer& peer, int) {
    request = peer.read_request();
    peer.send(kNoContent);
  });
  EventSourceOptions options;
  options.proxy = proxy.url("");
  EventSource("http://nowhere.invalid/events", std::move(options)).run();
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "GET http://nowhere.invalid/events HTTP/1.1");
  EXPECT_THROW(EventSource("http://a/", {.proxy = "ftp://user:secret@a/"}), std::invalid_argument);
}

TEST(EventSourceRequest, GoesThroughASocksProxyWhichFindsTheHost) {
  std::string asked;
  std::string request;
  ScriptedServer proxy([&](Peer& peer, int) {
    const std::string greeting = peer.read(2);
    peer.read(static_cast<std::size_t>(greeting[1]));
    peer.send(std::string_view("\x05\x00", 2));  // no authentication
    asked = peer.read(5);                        // connect, to a name
    asked += peer.read(static_cast<std::size_t>(asked[4]) + 2);
    peer.send(std::string_view("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50", 10));
    request = peer.read_request();
    peer.send(kNoContent);
  });
  EventSourceOptions options;
  options.proxy = "socks5h://127.0.0.1:" + std::to_string(proxy.port());
  EventSource("http://nowhere.invalid/events", std::move(options)).run();
  EXPECT_EQ(asked, std::string("\x05\x01\x00\x03\x0fnowhere.invalid\x00\x50", 22));
  EXPECT_EQ(request.substr(0, request.find("\r\n")), "GET /events HTTP/1.1");
  EXPECT_EQ(header_of(request, "Host"), "nowhere.invalid");
}

TEST(EventSourceRequest, GoesToAnIpv6Address) {
  std::string request;
  ScriptedServer server(
      [&](Peer& peer, int) {
        request = peer.read_request();
        peer.send(kNoContent);
      },
      ScriptedServer::Network::kIpv6);
  EventSource(server.url()).run();
  EXPECT_EQ(header_of(request, "Host"), "[::1]:" + std::to_string(server.port()));
}

TEST(EventSourceLog, ReportsEachStepAndNoSecret) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(kNoContent);
  });
  EventSourceOptions options;
  options.bearer_token = "s3cret";
  std::string log;
  options.log = [&](LogLevel, std::string_view sentence) { log.append(sentence).append("\n"); };
  EventSource(server.url(), std::move(options)).run();
  EXPECT_EQ(log, "connecting to " + server.url("") + "\nthe server answered 204\n" +
                     "the server answered 204: it has nothing more to send\n");
}

}  // namespace
}  // namespace millrace::test
