// The client's state machine where responses are held back until they end: polling, and finding out that it is needed.
#include <gtest/gtest.h>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;

const State::Policy kPlain{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};

State::Policy polling() {
  State::Policy policy = kPlain;
  policy.polling = true;
  return policy;
}

State::Policy watching_for_the_first_byte() {
  State::Policy policy = kPlain;
  policy.first_byte_timeout = Duration{5'000};
  return policy;
}

// --- Polling ------------------------------------------------------------------------------------------------------

TEST(EventSourceState, StaysOpenBetweenPolls) {
  SimulatedClient client(polling());
  client.start();
  EXPECT_TRUE(client.state.is_polling());
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  EXPECT_EQ(client.receive("retry: 100\nid: 1\ndata: a\n\n"), Outputs{"message a 1"});
  EXPECT_EQ(client.end(), Outputs{}) << "the end of a poll is no loss";
  EXPECT_EQ(client.state.ready_state(), ReadyState::kOpen);
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{100});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 1"});
  EXPECT_EQ(client.respond(200), Outputs{}) << "it is open already";
  EXPECT_EQ(client.receive("data: b\n\n"), Outputs{"message b 1"});
}

TEST(EventSourceState, ReportsAPollThatBreaks) {
  SimulatedClient client(polling());
  client.connect();
  EXPECT_EQ(client.break_connection(), Outputs{"reconnect: network error"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kConnecting);
  client.sleep_until_timeout();
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  client.end();
  client.sleep_until_timeout();
  EXPECT_EQ(client.respond(204), Outputs{"fail: status"});
}

TEST(EventSourceState, BacksOffFromPollsWithoutAByte) {
  SimulatedClient client(polling());
  client.connect();
  client.receive("retry: 10\n\n");
  const TimePoint before = client.now;
  for (int i = 0; i < 12; ++i) {
    client.end();
    client.sleep_until_timeout();
    client.respond(200);
  }
  EXPECT_GE(client.now - before, Duration{10'000});
}

// --- Being held back ----------------------------------------------------------------------------------------------

TEST(EventSourceState, PollsWhereNoByteCameInTime) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  EXPECT_FALSE(client.state.is_polling());
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{5'000});
  EXPECT_EQ(client.sleep_until_timeout(), (Outputs{"reconnect: buffered", "connect "})) << "at once";
  EXPECT_TRUE(client.state.is_polling());
  EXPECT_FALSE(client.state.poll_timeout().has_value()) << "a poll may take its time";
}

TEST(EventSourceState, PollsWhereOnlyTheHeadCameInTime) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.pass(Duration{4'000});
  EXPECT_EQ(client.respond(200), Outputs{}) << "nothing of the stream has come yet";
  EXPECT_EQ(client.state.ready_state(), ReadyState::kConnecting);
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{1'000}) << "counted from the request";
  EXPECT_EQ(client.sleep_until_timeout(), (Outputs{"reconnect: buffered", "connect "}));
}

TEST(EventSourceState, PollsFromWhereTheHeadSaidTheStreamBegins) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.respond_from("e-7");
  EXPECT_EQ(client.sleep_until_timeout(), (Outputs{"reconnect: buffered", "connect e-7"}));
}

TEST(EventSourceState, OpensWithTheFirstByteWhereItWaitsForOne) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.respond(200);
  EXPECT_EQ(client.receive("data: a\n\n"), (Outputs{"open", "message a "}));
  EXPECT_EQ(client.state.ready_state(), ReadyState::kOpen);
  client.reconnect_after_break();
  EXPECT_EQ(client.respond(200), Outputs{});
  client.state.handle_message("7", client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"open"}) << "a transport that parses by itself";
}

TEST(EventSourceState, TakesACursorThatTheTransportHasParsedForAByteAndNoEvent) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.respond(200);
  client.state.handle_message("e-7", client.now, false);
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  EXPECT_EQ(client.state.last_event_id(), "e-7");
}

TEST(EventSourceState, StreamsWhereAByteCameInTime) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.respond(200);
  client.receive(":\n");
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  EXPECT_EQ(client.reconnect_after_break(), Duration{1'000});
  EXPECT_FALSE(client.state.is_polling());
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{5'000}) << "every connection is watched";
}

TEST(EventSourceState, TakesAMessageForAByte) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.respond(200);
  client.state.handle_message("7", client.now);
  EXPECT_FALSE(client.state.poll_timeout().has_value());
}

TEST(EventSourceState, StreamsAgainOnceAPollFindsNoServer) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.sleep_until_timeout();
  ASSERT_TRUE(client.state.is_polling());
  client.reconnect_after_break();
  EXPECT_FALSE(client.state.is_polling()) << "the server was down, which looked like a proxy that holds back";
}

TEST(EventSourceState, PollsOnWhenAPollBreaks) {
  SimulatedClient client(watching_for_the_first_byte());
  client.start();
  client.sleep_until_timeout();
  client.respond(200);
  client.reconnect_after_break();
  EXPECT_TRUE(client.state.is_polling());
}

TEST(EventSourceState, IsIdleBeforeTheFirstByteIsDueWhereThatIsSooner) {
  State::Policy policy = watching_for_the_first_byte();
  policy.idle_timeout = Duration{2'000};
  SimulatedClient client(policy);
  client.start();
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{2'000});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"reconnect: timeout"});
  EXPECT_FALSE(client.state.is_polling());
}

}  // namespace
}  // namespace millrace::test
