// How often the client's state machine tries, which statuses it tries again after, and restarts.
#include <gtest/gtest.h>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;

const State::Policy kPlain{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};

State::Policy with_attempts(std::uint32_t attempts) {
  State::Policy policy = kPlain;
  policy.max_attempts = attempts;
  return policy;
}

Outputs respond(SimulatedClient& client, int status, std::optional<bool> retry) {
  client.state.handle_response({.status = status, .retry = retry}, client.now);
  return client.poll_all();
}

TEST(EventSourceState, GivesUpAfterTheLastOfItsAttempts) {
  SimulatedClient client(with_attempts(3));
  client.start();
  client.reconnect_after_break();
  client.reconnect_after_break();
  EXPECT_EQ(client.break_connection(), Outputs{"fail: network error"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
}

TEST(EventSourceState, CountsItsAttemptsAnewOnceAStreamHasOpened) {
  SimulatedClient client(with_attempts(2));
  client.start();
  for (int i = 0; i < 5; ++i) {
    client.reconnect_after_break();
    ASSERT_EQ(client.respond(200), Outputs{"open"});
    ASSERT_EQ(client.end(), Outputs{"reconnect: end of stream"}) << "a stream that ends is no attempt that failed";
    client.sleep_until_timeout();
  }
  client.reconnect_after_break();
  EXPECT_EQ(client.break_connection(), Outputs{"fail: network error"});
}

TEST(EventSourceState, TriesAgainAfterAStatusItsOwnerThinksWorthIt) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_EQ(respond(client, 404, true), Outputs{"reconnect: status"});
  client.sleep_until_timeout();
  EXPECT_EQ(respond(client, 404, false), Outputs{"fail: status"});
}

TEST(EventSourceState, LetsItsOwnerOverruleThePolicyButNotTheServer) {
  State::Policy policy = kPlain;
  policy.retry_on_server_error = true;
  SimulatedClient busy(policy);
  busy.start();
  EXPECT_EQ(respond(busy, 503, false), Outputs{"fail: status"});
  SimulatedClient finished(policy);
  finished.start();
  EXPECT_EQ(respond(finished, 204, true), Outputs{"fail: status"}) << "204: the server wants no more";
}

TEST(EventSourceState, StartsOverInTheMiddleOfAStreamWithoutAnError) {
  SimulatedClient client(kPlain);
  client.connect();
  client.act = [&](State::Output output) {
    if (output == State::Output::kEvent) client.state.handle_restart(client.now);
  };
  EXPECT_EQ(client.receive("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: half"),
            (Outputs{"message a 1", "connect 1"}));
  EXPECT_EQ(client.receive("data: late\n\n"), Outputs{});
  client.act = nullptr;
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  EXPECT_EQ(client.receive("data: c\n\n"), Outputs{"message c 1"});
}

TEST(EventSourceState, StartsOverWhateverItIsWaitingFor) {
  State::Policy policy = kPlain;
  policy.retry_on_server_error = true;
  SimulatedClient client(policy);
  client.start();
  client.respond_retry_after(503, Duration{3'600'000});
  client.state.handle_restart(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"connect "});
  client.state.handle_restart(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"connect "}) << "an attempt under way is given up";
}

TEST(EventSourceState, IsNotRestartedBeforeItsStartOrAfterItsEnd) {
  SimulatedClient client(kPlain);
  client.state.handle_restart(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
  client.connect();
  client.close();
  client.state.handle_restart(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
}

}  // namespace
}  // namespace millrace::test
