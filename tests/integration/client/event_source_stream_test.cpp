// What a source makes of the responses it gets, and when it comes back.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "free_port.h"
#include "millrace/client/event_source.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Reason = EventSourceState::Reason;

/// Reconnects without waiting.
EventSourceOptions eager() {
  EventSourceOptions options;
  options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
  return options;
}

void answer(Peer& peer, std::string_view bytes) {
  peer.read_request();
  peer.send(bytes);
}

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";

TEST(EventSourceStream, DispatchesEventsInOrder) {
  ScriptedServer server([](Peer& peer, int attempt) {
    answer(peer, attempt == 1 ? std::string(kStreamHead) + "id: 1\ndata: a\n\nevent: open\ndata\n\ndata: b\ndata: c\n\n"
                              : std::string(kNoContent));
  });
  EventSource source(server.url(), eager());
  Collector collector(source);
  Lines typed;
  source.on_message([&](const MessageEvent& event) { typed.push_back("message " + std::string(event.data)); });
  source.on("open", [&](const MessageEvent&) { typed.push_back("an event of type open"); });
  source.run();
  EXPECT_EQ(collector.lines(),
            (Lines{"open", "message|a|1", "open||1", "message|b\nc|1", "error the server ended the stream",
                   "error the server answered 204: it has nothing more to send"}));
  EXPECT_EQ(typed, (Lines{"message a", "an event of type open", "message b\nc"}));
  EXPECT_EQ(source.ready_state(), EventSource::ReadyState::kClosed);
}

TEST(EventSourceStream, HandsOutEachEventAsSoonAsItsBytesAreThere) {
  // The server continues only when the client has reported the event before: bytes held back would stop both.
  Collector collector;
  ScriptedServer server([&](Peer& peer, int) {
    answer(peer, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t n = 1; n <= 3; ++n) {
      peer.send_chunk("data: " + std::to_string(n) + "\n\n");
      if (!collector.wait_for(n)) return;
    }
    // Half a chunk whose event is whole.
    peer.send("100\r\ndata: 4\n\n");
    if (!collector.wait_for(4)) return;
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  source.on_message([&](const MessageEvent& event) {
    collector.add(std::string(event.data));
    if (event.data == "4") source.close();
  });
  source.run();
  EXPECT_EQ(collector.lines(), (Lines{"1", "2", "3", "4"}));
}

TEST(EventSourceStream, ResumesFromTheLastEventId) {
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    ids.push_back(header_of(peer.read_request(), "Last-Event-ID"));
    if (attempt == 1) peer.send(std::string(kStreamHead) + "id: primed\n\n");
    if (attempt == 2) peer.send(std::string(kStreamHead) + "id: 1\ndata: a\n\nid: lost\ndata: incomplete");
    if (attempt == 3) peer.send(std::string(kStreamHead) + "id\ndata: b\n\n");
    if (attempt == 4) peer.send(kNoContent);
  });
  EventSource source(server.url(), eager());
  Collector collector(source);
  source.run();
  EXPECT_EQ(ids, (Lines{"", "primed", "1", ""}));
  EXPECT_EQ(source.last_event_id(), "");
}

TEST(EventSourceStream, TakesCursorsAndHandsOutNone) {
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    ids.push_back(header_of(peer.read_request(), "Last-Event-ID"));
    const std::string cursor = "event: millrace.cursor\nid: e-" + std::to_string(attempt) + "\ndata:\n\n";
    if (attempt == 1) peer.send(std::string(kStreamHead) + cursor);
    if (attempt == 2) peer.send(std::string(kStreamHead) + cursor + "data: a\n\n");
    if (attempt == 3) peer.send(kNoContent);
  });
  EventSource source(server.url(), eager());
  Lines events;
  source.on_any([&](const MessageEvent& event) { events.emplace_back(event.type); });
  source.run();
  EXPECT_EQ(ids, (Lines{"", "e-1", "e-2"}));
  EXPECT_EQ(events, Lines{"message"});
}

TEST(EventSourceStream, ReportsCursorsWhereThatIsAskedFor) {
  ScriptedServer server([&](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(attempt == 1 ? std::string(kStreamHead) + "event: millrace.cursor\nid: e-1\ndata:\n\n"
                           : std::string(kNoContent));
  });
  EventSourceOptions options = eager();
  options.policy.cursor_events = true;
  EventSource source(server.url(), options);
  Lines cursors;
  source.on("millrace.cursor", [&](const MessageEvent& event) { cursors.emplace_back(event.last_event_id); });
  source.run();
  EXPECT_EQ(cursors, Lines{"e-1"});
}

TEST(EventSourceStream, BeginsAPollWhereTheHeadOfTheStreamThatWasHeldBackSaid) {
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    const std::string request = peer.read_request();
    ids.push_back(header_of(request, "Last-Event-ID"));
    std::string head(kStreamHead);
    head.insert(head.size() - 2, "Last-Event-ID: e-7\r\n");
    if (attempt == 1) {
      peer.send(head);
      return peer.wait_until_closed();
    }
    EXPECT_NE(request.find("mode=poll"), std::string::npos);
    peer.send(kNoContent);
  });
  EventSourceOptions options = eager();
  options.policy.first_byte_timeout = Duration{1'000};  // in which the head has to come
  EventSource source(server.url(), options);
  source.run();
  EXPECT_EQ(ids, (Lines{"", "e-7"}));
}

TEST(EventSourceStream, SendsIdsBackVerbatim) {
  const std::string id = "50%25+%zz \xc3\xa9\xe2\x82\xac \xf0\x9f\x8c\x8a";
  Lines ids;
  ScriptedServer server([&](Peer& peer, int attempt) {
    ids.push_back(header_of(peer.read_request(), "Last-Event-ID"));
    peer.send(attempt == 1 ? std::string(kStreamHead) + "id: " + id + "\n\n" : std::string(kNoContent));
  });
  EventSource source(server.url(), eager());
  source.run();
  EXPECT_EQ(ids, (Lines{"", id}));
  EXPECT_EQ(source.last_event_id(), id);
}

TEST(EventSourceStream, BeginsWithTheGivenLastEventId) {
  std::string id;
  ScriptedServer server([&](Peer& peer, int) {
    id = header_of(peer.read_request(), "Last-Event-ID");
    peer.send(kNoContent);
  });
  EventSourceOptions options = eager();
  options.last_event_id = "earliest";
  EventSource source(server.url(), std::move(options));
  EXPECT_EQ(source.last_event_id(), "earliest");
  source.run();
  EXPECT_EQ(id, "earliest");
}

TEST(EventSourceStream, ReconnectsAfterAResetConnection) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt == 1) return peer.reset();
    peer.send(kNoContent);
  });
  EventSource source(server.url(), eager());
  Collector collector(source);
  source.run();
  ASSERT_EQ(collector.lines().size(), 2u);
  EXPECT_NE(collector.lines()[0].find("Connection reset by peer"), std::string::npos) << collector.lines()[0];
}

TEST(EventSourceStream, SaysWhereItCouldNotConnectAndWhenItTriesAgain) {
  const int port = free_port();
  EventSourceOptions options;
  options.policy.backoff.reconnection_time = Duration{3'600'000};
  EventSource source("http://127.0.0.1:" + std::to_string(port) + "/", std::move(options));
  std::string message;
  source.on_error([&](const EventSourceError& error) {
    message = error.message;
    EXPECT_EQ(error.reason, Reason::kNetworkError);
    EXPECT_EQ(error.status, 0);
    EXPECT_TRUE(error.will_reconnect);
    EXPECT_GT(error.reconnect_in, Duration{3'000'000});
    EXPECT_LE(error.reconnect_in, Duration{4'500'000});
    source.close();
  });
  source.run();
  EXPECT_EQ(message, "cannot connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
}

struct Refusal {
  std::string response;
  Reason reason;
  int status;
  std::string message;
};

class EventSourceRefused : public ::testing::TestWithParam<Refusal> {};

TEST_P(EventSourceRefused, FailsForGood) {
  const Refusal& refusal = GetParam();
  ScriptedServer server([&](Peer& peer, int) { answer(peer, refusal.response); });
  EventSource source(server.url(), eager());
  int events = 0;
  int errors = 0;
  source.on_any([&](const MessageEvent&) { ++events; });
  source.on_error([&](const EventSourceError& error) {
    ++errors;
    EXPECT_EQ(error.reason, refusal.reason);
    EXPECT_EQ(error.status, refusal.status);
    EXPECT_FALSE(error.will_reconnect);
    EXPECT_EQ(error.message, refusal.message);
  });
  source.run();
  EXPECT_EQ(events, 0) << "a refusal's body is no event stream";
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(server.attempts(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    , EventSourceRefused,
    ::testing::Values(
        Refusal{std::string(kNoContent), Reason::kStatus, 204, "the server answered 204: it has nothing more to send"},
        Refusal{"HTTP/1.1 404 Not Found\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n", Reason::kStatus, 404,
                "the server answered 404"},
        Refusal{"HTTP/1.1 301 Moved\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n", Reason::kStatus, 301,
                "the server answered 301"},
        Refusal{"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Reason::kStatus, 500, "the server answered 500"},
        Refusal{"HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\ndata: x\n\n", Reason::kContentType, 200,
                "the server answered with content type \"text/event-streams\" instead of text/event-stream"},
        Refusal{"HTTP/1.1 200 OK\r\nContent-Type: te\x1b[31mxt\r\n\r\n", Reason::kContentType, 200,
                "the server answered with content type \"te[31mxt\" instead of text/event-stream"},
        Refusal{"HTTP/1.1 200 OK\r\n\r\ndata: x\n\n", Reason::kContentType, 200,
                "the server answered with content type \"\" instead of text/event-stream"}));

TEST(EventSourceStream, ReconnectsAfterAServerErrorIfThePolicySaysSo) {
  ScriptedServer server([](Peer& peer, int attempt) {
    answer(peer, attempt == 1 ? "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n" : kNoContent);
  });
  EventSourceOptions options = eager();
  options.policy.retry_on_server_error = true;
  EventSource source(server.url(), std::move(options));
  source.on_error([&](const EventSourceError& error) {
    EXPECT_TRUE(error.will_reconnect);
    EXPECT_EQ(error.status, 503);
    EXPECT_GT(error.reconnect_in, Duration{3'500'000}) << "not before Retry-After";
    source.close();
  });
  source.run();
  EXPECT_EQ(server.attempts(), 1);
}

TEST(EventSourceStream, EndsAnEventThatIsTooLarge) {
  ScriptedServer server([](Peer& peer, int) {
    answer(peer, std::string(kStreamHead) + "data: fits\n\ndata: " + std::string(2000, 'x') + "\n\n");
  });
  EventSourceOptions options = eager();
  options.policy.max_event_bytes = 1000;
  EventSource source(server.url(), std::move(options));
  Collector collector(source);
  source.run();
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|fits|", "error an event is larger than 1000 bytes"}));
}

TEST(EventSourceStream, DropsAConnectionThatHasGoneSilent) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt == 1) peer.send(kStreamHead);  // and then nothing
    if (attempt <= 2) return peer.wait_until_closed();
    peer.send(kNoContent);
  });
  EventSourceOptions options = eager();
  options.policy.idle_timeout = Duration{1'000};  // in which the head, and the last answer, have to come
  EventSource source(server.url(), std::move(options));
  Collector collector(source);
  source.run();
  EXPECT_EQ(collector.lines(), (Lines{"open", "error no data arrived for 1000 ms", "error no data arrived for 1000 ms",
                                      "error the server answered 204: it has nothing more to send"}));
}

TEST(EventSourceStream, ReconnectsThoughItsTimeHasComeWhileAListenerWasBusy) {
  ScriptedServer server(
      [](Peer& peer, int attempt) { answer(peer, attempt < 3 ? std::string(kStreamHead) : std::string(kNoContent)); });
  EventSource source(server.url(), eager());
  int errors = 0;
  source.on_error([&](const EventSourceError& error) {
    ++errors;
    std::this_thread::sleep_for(error.reconnect_in + Duration{2});
  });
  source.run();
  EXPECT_EQ(errors, 3);
}

TEST(EventSourceStream, ReconnectsWhenWhatAnswersSpeaksNoHttp) {
  std::string headers;
  for (int i = 0; i < 10; ++i) headers += "X: " + std::string(8'000, 'x') + "\r\n";  // libcurl 8.22 keeps the last line
  const Lines answers = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/1.1 200 OK\r\n" + headers,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: " + std::string(500'000, 'x'),
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\ndata: x\n\n",
  };
  ScriptedServer server([&](Peer& peer, int attempt) {
    const auto index = static_cast<std::size_t>(attempt - 1);
    answer(peer, index < answers.size() ? std::string_view(answers[index]) : kNoContent);
    if (index < answers.size() - 1) peer.wait_until_closed();  // the limits end it, not the end of the stream
  });
  EventSource source(server.url(), eager());
  Lines errors;
  source.on_error([&](const EventSourceError& error) { errors.emplace_back(error.message); });
  source.run();
  EXPECT_EQ(errors, (Lines{"the server sent no HTTP response", "the response's head is larger than 65536 bytes",
                           "the response's head is larger than 65536 bytes", "the response ended early",
                           "the server answered 204: it has nothing more to send"}));
}

TEST(EventSourceStream, TakesTheServersReconnectionTime) {
  ScriptedServer server([](Peer& peer, int) { answer(peer, std::string(kStreamHead) + "retry: 7200000\n\n"); });
  EventSource source(server.url(), eager());
  source.on_error([&](const EventSourceError& error) {
    EXPECT_GE(error.reconnect_in, Duration{7'100'000});
    source.close();
  });
  source.run();
  EXPECT_EQ(server.attempts(), 1);
}

}  // namespace
}  // namespace millrace::test
