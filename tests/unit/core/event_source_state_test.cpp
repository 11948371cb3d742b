// The client's state machine on simulated time: every transition of the standard.
#include "millrace/core/event_source_state.h"

#include <gtest/gtest.h>

#include <string>

#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;
using Reason = State::Reason;
using Output = State::Output;

// Waits that can be foretold: no jitter.
const State::Policy kPlain{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};

State::Policy with_idle_timeout(Duration timeout) {
  State::Policy policy = kPlain;
  policy.idle_timeout = timeout;
  return policy;
}

// --- Connecting ---------------------------------------------------------------------------------------------------

TEST(EventSourceState, IsConnectingFromTheStart) {
  const State state(kPlain);
  EXPECT_EQ(state.ready_state(), ReadyState::kConnecting);
  EXPECT_EQ(state.reason(), Reason::kNone);
  EXPECT_EQ(state.status(), 0);
  EXPECT_FALSE(state.poll_timeout().has_value());
}

TEST(EventSourceState, WaitsToBeStarted) {
  SimulatedClient client(kPlain);
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.start(), Outputs{"connect "});
  EXPECT_EQ(client.start(), Outputs{}) << "once is enough";
}

TEST(EventSourceState, ConnectsWithTheLastEventIdItWasGiven) {
  SimulatedClient client(kPlain, "e-41");
  EXPECT_EQ(client.start(), Outputs{"connect e-41"});
}

TEST(EventSourceState, OpensAndDispatches) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kOpen);
  EXPECT_EQ(client.state.status(), 200);
  EXPECT_EQ(client.receive("id: 1\nevent: x\ndata: a\n\n: note\ndata: b\n\ndata: c"),
            (Outputs{"x a 1", "comment note", "message b 1"}));
  EXPECT_EQ(client.receive("d\n"), Outputs{});
  EXPECT_EQ(client.receive("\n"), Outputs{"message cd 1"});
}

TEST(EventSourceState, OpensBeforeItDispatches) {
  SimulatedClient client(kPlain);
  client.start();
  client.state.handle_response({.status = 200, .content_type = "text/event-stream"}, client.now);
  EXPECT_EQ(client.receive("data: a\n\n"), (Outputs{"open", "message a "}));
}

// --- Responses ----------------------------------------------------------------------------------------------------

TEST(EventSourceState, TakesTheMimeTypeWhateverItsCaseAndParameters) {
  for (const std::string_view type :
       {"text/event-stream", "TEXT/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream; charset=UTF-8",
        "text/event-stream ; charset=iso-8859-1", " text/event-stream", "text/event-stream\t", "text/event-stream;",
        "text/event-stream;;", "text/event-stream;x=\"a;b\""}) {
    SimulatedClient client(kPlain);
    client.start();
    EXPECT_EQ(client.respond(200, type), Outputs{"open"}) << type;
  }
}

TEST(EventSourceState, FailsOnAnyOtherMimeType) {
  for (const std::string_view type :
       {"", " ", ";", "text/plain", "text/html; charset=utf-8", "text/event-streamX", "text/event-stream-x",
        "text/event-strea", "xtext/event-stream", "text/event-stream/x", "text /event-stream", "text/ event-stream",
        "application/event-stream", "text/plain; text/event-stream", "text/event-stream,text/plain",
        "text/event-stream charset=utf-8"}) {
    SimulatedClient client(kPlain);
    client.start();
    EXPECT_EQ(client.respond(200, type), Outputs{"fail: content type"}) << type;
    EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed) << type;
    EXPECT_FALSE(client.state.poll_timeout().has_value()) << type;
  }
}

TEST(EventSourceState, FailsForGoodOnAnyStatusBut200) {
  for (const int status : {100, 201, 202, 203, 204, 205, 206, 299, 300, 301, 302, 303, 304, 305, 307, 308, 400,
                           401, 403, 404, 407, 410, 418, 429, 500, 501, 502, 503, 504, 599, 999, 0,   -1}) {
    SimulatedClient client(kPlain);
    client.start();
    EXPECT_EQ(client.respond(status), Outputs{"fail: status"}) << status;
    EXPECT_EQ(client.state.status(), status);
    EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed) << status;
    EXPECT_FALSE(client.state.poll_timeout().has_value()) << status;
  }
}

TEST(EventSourceState, ReadsNoEventsFromARefusal) {
  SimulatedClient client(kPlain);
  client.start();
  client.respond(404);
  EXPECT_EQ(client.receive("id: 1\ndata: a\n\n"), Outputs{});
  EXPECT_EQ(client.end(), Outputs{});
  EXPECT_EQ(client.break_connection(), Outputs{});
  EXPECT_EQ(client.go_online(), Outputs{});
  EXPECT_EQ(client.state.last_event_id(), "");
}

TEST(EventSourceState, FailsOnTheStatusBeforeItLooksAtTheMimeType) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(client.respond(500, "text/plain"), Outputs{"fail: status"});
}

TEST(EventSourceState, IgnoresAResponseNobodyWaitsFor) {
  SimulatedClient client(kPlain);
  EXPECT_EQ(client.respond(200), Outputs{});
  client.connect();
  EXPECT_EQ(client.respond(500), Outputs{}) << "the stream is open already";
  client.break_connection();
  EXPECT_EQ(client.respond(200), Outputs{}) << "that connection is gone";
}

// --- Reconnecting -------------------------------------------------------------------------------------------------

TEST(EventSourceState, ReconnectsAfterTheReconnectionTimeWhenTheStreamEnds) {
  SimulatedClient client(kPlain);
  client.connect();
  EXPECT_EQ(client.end(), Outputs{"reconnect: end of stream"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kConnecting);
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{1'000});
  client.pass(Duration{999});
  EXPECT_EQ(client.poll_all(), Outputs{});
  client.pass(Duration{1});
  EXPECT_EQ(client.poll_all(), Outputs{"connect "});
  EXPECT_EQ(client.respond(200), Outputs{"open"});
}

TEST(EventSourceState, ReconnectsWhenTheStreamBreaks) {
  SimulatedClient client(kPlain);
  client.connect();
  EXPECT_EQ(client.break_connection(), Outputs{"reconnect: network error"});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
}

TEST(EventSourceState, ReconnectsWhenThereIsNoConnectionAtAll) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(client.break_connection(), Outputs{"reconnect: network error"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kConnecting);
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
}

TEST(EventSourceState, ReconnectsWhenTheServerHangsUpWithoutAResponse) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(client.end(), Outputs{"reconnect: end of stream"});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
}

TEST(EventSourceState, CountsOneLossOnce) {
  SimulatedClient client(kPlain);
  client.connect();
  client.break_connection();
  const auto due = client.state.poll_timeout();
  EXPECT_EQ(client.end(), Outputs{});
  EXPECT_EQ(client.break_connection(), Outputs{});
  EXPECT_EQ(client.receive("data: late\n\n"), Outputs{});
  EXPECT_EQ(client.state.poll_timeout(), due);
}

TEST(EventSourceState, WaitsAsLongAsTheServerSays) {
  SimulatedClient client(kPlain);
  client.connect();
  EXPECT_EQ(client.receive("retry: 7000\n"), Outputs{});
  EXPECT_EQ(client.state.reconnection_time(), Duration{7'000});
  EXPECT_EQ(client.reconnect_after_break(), Duration{7'000});
}

TEST(EventSourceState, CutsAHugeRetry) {
  SimulatedClient client(kPlain);
  client.connect();
  client.receive("retry: 99999999999999999999\n");
  EXPECT_EQ(client.reconnect_after_break(), kMaxReconnectionTime);
}

TEST(EventSourceState, ReconnectsWithTheLastEventId) {
  SimulatedClient client(kPlain);
  client.connect();
  client.receive("id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\n");
  client.end();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 2"});
  client.respond(200);
  EXPECT_EQ(client.receive("data: d\n\n"), Outputs{"message d 2"});
  client.end();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 2"}) << "it outlives a connection without any id";
}

TEST(EventSourceState, ReconnectsWithAPrimedIdBeforeAnyEvent) {
  SimulatedClient client(kPlain);
  client.connect();
  EXPECT_EQ(client.receive("retry: 500\nid: e-41\n\n"), Outputs{});
  client.break_connection();
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{500});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect e-41"});
}

TEST(EventSourceState, KeepsCursorsToItself) {
  SimulatedClient client(kPlain);
  client.connect();
  EXPECT_EQ(client.receive("event: millrace.cursor\nid: e-41\nretry: 500\ndata:\n\n"), Outputs{});
  client.break_connection();
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{500});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect e-41"});
  client.respond(200);
  EXPECT_EQ(client.receive("event: millrace.cursor\nid: e-42\ndata: \n\ndata: a\n\n"), Outputs{"message a e-42"});
  EXPECT_EQ(client.receive("event: millrace.cursor\ndata: b\n\n"), Outputs{"millrace.cursor b e-42"})
      << "with data it is somebody's event";
}

TEST(EventSourceState, HandsCursorsOutWhereTheyAreAskedFor) {
  State::Policy policy = kPlain;
  policy.cursor_events = true;
  policy.drop_replays = State::DropReplays::kAlways;
  SimulatedClient client(policy);
  client.connect();
  client.receive("id: 1\ndata: a\n\n");
  EXPECT_EQ(client.receive("event: millrace.cursor\nid: 1\ndata:\n\n"), Outputs{"millrace.cursor  1"});
  client.break_connection();
  client.sleep_until_timeout();
  client.respond(200);
  EXPECT_EQ(client.receive("event: millrace.cursor\nid: 1\ndata:\n\nid: 1\ndata: a\n\n"), Outputs{"millrace.cursor  1"})
      << "no event: neither come once more, nor the end of what has";
}

TEST(EventSourceState, AStreamThatBringsACursorAloneIsBackedOffFromAsOneWithoutAnEvent) {
  const auto waits_of = [](std::string_view block) {
    SimulatedClient client(kPlain);
    client.connect();
    std::vector<Duration> waits;
    for (int i = 0; i < 4; ++i) {
      client.receive(block);
      waits.push_back(client.reconnect_after_break());
      client.respond(200);
    }
    return waits;
  };
  EXPECT_EQ(waits_of("event: millrace.cursor\nid: 1\ndata:\n\n"), waits_of("id: 1\n\n"));
  EXPECT_NE(waits_of("event: millrace.cursor\nid: 1\ndata:\n\n"), waits_of("id: 1\ndata: a\n\n"));
}

TEST(EventSourceState, TakesTheHeadsIdWhereItHasNone) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(client.respond_from("e-7"), Outputs{"open"});
  EXPECT_EQ(client.state.last_event_id(), "e-7");
  client.break_connection();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect e-7"});
  client.respond_from("e-9");
  EXPECT_EQ(client.state.last_event_id(), "e-7") << "what it has, it has from what has come";
  client.receive("id: e-8\n\n");
  EXPECT_EQ(client.state.last_event_id(), "e-8");
}

TEST(EventSourceState, TakesNoIdFromAHeadThatOpensNothingOrThatNoHeaderCanHold) {
  State::Policy policy = kPlain;
  policy.retry_on_server_error = true;
  SimulatedClient client(policy);
  client.start();
  client.state.handle_response({.status = 503, .last_event_id = "e-7"}, client.now);
  client.poll_all();
  EXPECT_EQ(client.state.last_event_id(), "");
  client.sleep_until_timeout();
  client.respond_from("e\n7");
  EXPECT_EQ(client.state.last_event_id(), "");
}

TEST(EventSourceState, ForgetsTheIdAndDataOfAnIncompleteBlock) {
  SimulatedClient client(kPlain);
  client.connect();
  client.receive("id: 1\ndata: a\n\nid: 2\nevent: x\ndata: lost\n");
  client.break_connection();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 1"});
  client.respond(200);
  EXPECT_EQ(client.receive("\ndata: b\n\n"), Outputs{"message b 1"});
}

TEST(EventSourceState, SendsNoIdAfterTheServerClearedIt) {
  SimulatedClient client(kPlain, "e-41");
  client.connect();
  client.receive("id\n\n");
  client.break_connection();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
}

TEST(EventSourceState, TakesAByteOrderMarkOnEveryConnection) {
  SimulatedClient client(kPlain);
  for (int i = 0; i < 2; ++i) {
    client.connect();
    EXPECT_EQ(client.receive("\xEF\xBB\xBF"
                             "data: a\n\n"),
              Outputs{"message a "});
    client.end();
    client.sleep_until_timeout();
  }
}

// --- Closing ------------------------------------------------------------------------------------------------------

TEST(EventSourceState, ReportsNothingOnceClosed) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.connect();
  EXPECT_EQ(client.close(), Outputs{});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
  EXPECT_EQ(client.receive("data: a\n\n"), Outputs{});
  EXPECT_EQ(client.end(), Outputs{});
  EXPECT_EQ(client.break_connection(), Outputs{});
  EXPECT_EQ(client.go_online(), Outputs{});
  EXPECT_EQ(client.start(), Outputs{});
  EXPECT_EQ(client.respond(200), Outputs{});
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
}

TEST(EventSourceState, DropsTheRestOfTheChunkWhenClosedFromAListener) {
  SimulatedClient client(kPlain);
  client.connect();
  client.act = [&](Output output) {
    if (output == Output::kEvent) client.state.close();
  };
  EXPECT_EQ(client.receive("id: 1\ndata: a\n\nid: 2\ndata: b\n\n: c\n"), Outputs{"message a 1"});
  EXPECT_EQ(client.state.last_event_id(), "1");
}

TEST(EventSourceState, IsSilentWhenClosedWhileAnErrorOrOpenIsBeingReported) {
  for (const Output closing_at : {Output::kOpen, Output::kReconnect, Output::kConnect}) {
    SimulatedClient client(kPlain);
    client.act = [&](Output output) {
      if (output == closing_at) client.state.close();
    };
    client.start();
    client.respond(200);
    client.receive("data: a\n\n");
    client.break_connection();
    client.pass(Duration{100'000});
    EXPECT_EQ(client.poll_all(), Outputs{});
    EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
  }
}

TEST(EventSourceState, DropsWhatWasDecidedButNotYetReported) {
  SimulatedClient client(kPlain);
  client.connect();
  client.state.handle_network_error(client.now);
  EXPECT_EQ(client.close(), Outputs{});
  client.pass(Duration{100'000});
  EXPECT_EQ(client.poll_all(), Outputs{});
}

TEST(EventSourceState, CanBeClosedBeforeItStarts) {
  SimulatedClient client(kPlain);
  client.close();
  EXPECT_EQ(client.start(), Outputs{});
}

// --- A transport that parses by itself ----------------------------------------------------------------------------

TEST(EventSourceState, FollowsTheLastEventIdOfATransportThatParses) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.connect();
  client.pass(Duration{15'000});
  client.state.handle_message("7", client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{20'000}) << "a message breaks the silence";
  client.break_connection();
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 7"});
}

TEST(EventSourceState, IgnoresAMessageOnAConnectionThatIsGone) {
  SimulatedClient client(kPlain, "1");
  client.connect();
  client.break_connection();
  client.state.handle_message("7", client.now);
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 1"});
}

}  // namespace
}  // namespace millrace::test
