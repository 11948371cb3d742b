// The client's state machine and what its owner knows: a page that is hidden, a token renewed, a request that is
// futile.
#include <gtest/gtest.h>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;

const State::Policy kPlain{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};

Outputs resume(SimulatedClient& client) {
  client.state.handle_resume();
  return client.poll_all();
}

TEST(EventSourceState, RestsWhileSuspendedAndGoesOnFromTheLastId) {
  SimulatedClient client(kPlain);
  client.connect();
  client.receive("id: 1\ndata: a\n\nid: 2\ndata: half");
  client.state.handle_suspend(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kConnecting);
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  EXPECT_EQ(client.receive("\n\n"), Outputs{}) << "that connection is gone";
  EXPECT_EQ(client.break_connection(), Outputs{});
  EXPECT_EQ(client.go_online(), Outputs{});
  client.pass(Duration{100'000});
  EXPECT_EQ(resume(client), Outputs{"connect 1"});
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  EXPECT_EQ(client.receive("data: b\n\n"), Outputs{"message b 1"});
}

TEST(EventSourceState, IsNotHurriedBySuspendingAndResuming) {
  SimulatedClient client(kPlain);
  client.connect();
  client.break_connection();
  const auto due = client.state.poll_timeout();
  client.pass(Duration{10});
  client.state.handle_suspend(client.now);
  EXPECT_EQ(resume(client), Outputs{});
  EXPECT_EQ(client.state.poll_timeout(), due);
}

TEST(EventSourceState, IsNeitherStartedNorReopenedByResuming) {
  SimulatedClient idle(kPlain);
  idle.state.handle_suspend(idle.now);
  EXPECT_EQ(resume(idle), Outputs{});
  EXPECT_EQ(idle.start(), Outputs{"connect "});
  EXPECT_EQ(resume(idle), Outputs{}) << "it was not suspended";
  idle.close();
  idle.state.handle_suspend(idle.now);
  EXPECT_EQ(resume(idle), Outputs{});
  EXPECT_EQ(idle.state.ready_state(), ReadyState::kClosed);
}

TEST(EventSourceState, ReportsNoLossThatSuspendingOvertakes) {
  SimulatedClient client(kPlain);
  client.connect();
  client.state.handle_network_error(client.now);
  client.state.handle_suspend(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
}

TEST(EventSourceState, TriesAgainAtOnceWhatItsOwnerHasMendedButNotTwiceInARow) {
  SimulatedClient client(kPlain);
  const auto unauthorized = [&] {
    client.state.handle_response({.status = 401, .mended = true}, client.now);
    return client.poll_all();
  };
  client.start();
  EXPECT_EQ(unauthorized(), (Outputs{"reconnect: status", "connect "}));
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  client.reconnect_after_break();
  EXPECT_EQ(unauthorized(), (Outputs{"reconnect: status", "connect "})) << "it had worked";
  EXPECT_EQ(unauthorized(), Outputs{"fail: status"}) << "it has not worked";
}

TEST(EventSourceState, FailsForGoodOnWhatIsFutile) {
  SimulatedClient client(kPlain);
  client.start();
  client.state.handle_futile_error();
  EXPECT_EQ(client.poll_all(), Outputs{"fail: network error"});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
}

TEST(EventSourceState, TakesNothingForFutileOnceItIsOpen) {
  SimulatedClient client(kPlain);
  client.connect();
  client.state.handle_futile_error();
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.receive("data: a\n\n"), Outputs{"message a "});
}

}  // namespace
}  // namespace millrace::test
