// What the client's state machine does beyond the standard: backing off, server errors, silence, limits.
#include <gtest/gtest.h>

#include <algorithm>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;

// Waits that can be foretold: no jitter.
const State::Policy kPlain{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};

State::Policy with_idle_timeout(Duration timeout) {
  State::Policy policy = kPlain;
  policy.idle_timeout = timeout;
  return policy;
}

State::Policy retrying_on_server_error() {
  State::Policy policy = kPlain;
  policy.retry_on_server_error = true;
  return policy;
}

// --- Backing off --------------------------------------------------------------------------------------------------

TEST(EventSourceState, WaitsLongerWhileAttemptsFail) {
  Duration longest{0};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedClient client(kPlain, "", seed);
    client.start();
    EXPECT_EQ(client.reconnect_after_break(), Duration{1'000});
    for (int i = 0; i < 10; ++i) {
      const Duration wait = client.reconnect_after_break();
      ASSERT_GE(wait, Duration{1'000}) << "seed " << seed;
      ASSERT_LE(wait, kMaxBackoff) << "seed " << seed;
      longest = std::max(longest, wait);
    }
  }
  EXPECT_GT(longest, Duration{30'000});
}

TEST(EventSourceState, StartsOverAfterAStableConnection) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedClient client(kPlain, "", seed);
    client.start();
    for (int i = 0; i < 8; ++i) client.reconnect_after_break();
    ASSERT_EQ(client.respond(200), Outputs{"open"});
    client.pass(kStablePeriod);
    ASSERT_EQ(client.reconnect_after_break(), Duration{1'000}) << "seed " << seed;
  }
}

// Else a polling client, whose every response ends after one batch, would come back ever later.
TEST(EventSourceState, StartsOverAfterAConnectionThatBroughtAnEvent) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedClient client(kPlain, "", seed);
    client.start();
    for (int i = 0; i < 8; ++i) {
      ASSERT_EQ(client.respond(200), Outputs{"open"});
      ASSERT_EQ(client.receive("data: a\n\n").size(), 1U);
      ASSERT_EQ(client.reconnect_after_break(), Duration{1'000}) << "seed " << seed;
    }
    for (int i = 0; i < 8; ++i) {
      ASSERT_EQ(client.respond(200), Outputs{"open"});
      client.state.handle_message("7", client.now);
      ASSERT_EQ(client.reconnect_after_break(), Duration{1'000}) << "seed " << seed;
    }
  }
}

TEST(EventSourceState, MakesNoStormOfRetryZeroWithAnEventEachTime) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedClient client(kPlain, "", seed);
    client.start();
    Duration waited{0};
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(client.respond(200), Outputs{"open"});
      ASSERT_EQ(client.receive("retry: 0\ndata: a\n\n").size(), 1U);
      const Duration wait = client.reconnect_after_break();
      ASSERT_LE(wait, 2 * kMinBackoff) << "seed " << seed << ": it does get on, so the waits must not grow";
      waited += wait;
    }
    EXPECT_GE(waited, 100 * kMinBackoff / 2) << "seed " << seed;
  }
}

TEST(EventSourceState, KeepsBackingOffFromAServerThatOpensAndDropsAtOnce) {
  Duration longest{0};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedClient client(kPlain, "", seed);
    client.start();
    for (int i = 0; i < 8; ++i) {
      ASSERT_EQ(client.respond(200), Outputs{"open"});
      client.pass(kStablePeriod - Duration{1});
      longest = std::max(longest, client.reconnect_after_break());
    }
  }
  EXPECT_GT(longest, Duration{30'000});
}

TEST(EventSourceState, MakesNoStormOfRetryZeroWhileAttemptsFail) {
  SimulatedClient client(kPlain);
  client.connect();
  client.receive("retry: 0\n");
  const TimePoint before = client.now;
  for (int i = 0; i < 12; ++i) client.reconnect_after_break();
  EXPECT_GE(client.now - before, Duration{10'000});
}

TEST(EventSourceState, WaitsTheSameFromTheSameSeed) {
  SimulatedClient one({}, "", 7);
  SimulatedClient same({}, "", 7);
  one.start();
  same.start();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(one.reconnect_after_break(), same.reconnect_after_break());
}

TEST(EventSourceState, ConnectsAtOnceWhenTheNetworkIsBack) {
  SimulatedClient client(kPlain);
  client.start();
  client.break_connection();
  client.pass(Duration{10});
  EXPECT_EQ(client.go_online(), Outputs{"connect "});
  EXPECT_EQ(client.go_online(), Outputs{}) << "it is connecting already";
  client.respond(200);
  EXPECT_EQ(client.go_online(), Outputs{}) << "it is connected already";
}

TEST(EventSourceState, LeavesAServerAloneThatSaidWhenToComeBackThoughTheNetworkIsBack) {
  SimulatedClient client(retrying_on_server_error());
  client.start();
  client.state.handle_response({.status = 503, .retry_after = Duration{20'000}}, client.now);
  const TimePoint allowed = client.now + Duration{20'000};
  EXPECT_EQ(client.state.poll(client.now), State::Output::kReconnect);
  EXPECT_EQ(client.go_online(), Outputs{});
  EXPECT_EQ(client.state.poll_timeout(), allowed);
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
  EXPECT_EQ(client.now, allowed);
}

TEST(EventSourceState, NeedsNoTimeoutToBegin) {
  State state(kPlain);
  state.start();
  EXPECT_EQ(state.poll_timeout(), std::nullopt);
  EXPECT_EQ(state.poll(TimePoint::min()), State::Output::kConnect);
}

TEST(EventSourceState, SendsNoIdThatWouldBreakTheRequest) {
  for (const std::string_view id :
       {std::string_view("a\r\nX: y"), std::string_view("a\nb"), std::string_view("a\0b", 3)}) {
    State state(kPlain, id);
    EXPECT_EQ(state.last_event_id(), "");
    SimulatedClient client(kPlain, "7");
    client.connect();
    client.state.handle_message(id, client.now);
    EXPECT_EQ(client.state.last_event_id(), "7");
  }
}

TEST(EventSourceState, IsNotStartedByTheNetworkComingBack) {
  SimulatedClient client(kPlain);
  EXPECT_EQ(client.go_online(), Outputs{});
}

// --- Beyond the standard: server errors, silence, limits ----------------------------------------------------------

TEST(EventSourceState, ReconnectsOnServerErrorsWhereThePolicySaysSo) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504, 520, 529, 530}) {
    SimulatedClient client(retrying_on_server_error());
    client.start();
    EXPECT_EQ(client.respond(status, "text/html"), Outputs{"reconnect: status"}) << status;
    EXPECT_EQ(client.state.status(), status);
    EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{1'000});
    EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
  }
}

TEST(EventSourceState, FailsOnOtherStatusesUnderThatPolicyToo) {
  for (const int status : {201, 204, 301, 304, 400, 401, 403, 404, 410, 424, 501, 505, 519, 531}) {
    SimulatedClient client(retrying_on_server_error());
    client.start();
    EXPECT_EQ(client.respond(status), Outputs{"fail: status"}) << status;
  }
}

TEST(EventSourceState, DoesNotComeBackBeforeRetryAfter) {
  SimulatedClient client(retrying_on_server_error());
  client.start();
  EXPECT_EQ(client.respond_retry_after(503, Duration{30'000}), Outputs{"reconnect: status"});
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{30'000});
}

TEST(EventSourceState, ReconnectsNoSoonerThanTheReconnectionTimeWhateverRetryAfterSays) {
  for (const Duration retry_after : {Duration{0}, Duration{-5'000}, Duration{999}}) {
    SimulatedClient client(retrying_on_server_error());
    client.start();
    client.respond_retry_after(503, retry_after);
    EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{1'000});
  }
}

TEST(EventSourceState, CutsAHugeRetryAfter) {
  SimulatedClient client(retrying_on_server_error());
  client.start();
  client.respond_retry_after(503, Duration::max());
  EXPECT_EQ(client.state.poll_timeout(), client.now + kMaxReconnectionTime);
}

TEST(EventSourceState, DropsAConnectionThatIsSilentTooLong) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.connect();
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{20'000});
  client.pass(Duration{15'000});
  EXPECT_EQ(client.receive(": still here\n"), Outputs{"comment still here"});
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{20'000});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"reconnect: timeout"});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect "});
}

TEST(EventSourceState, DropsAConnectionThatIsNeverAnswered) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.start();
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{20'000});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"reconnect: timeout"});
}

TEST(EventSourceState, TakesTheServersHeartbeatForItsIdleTimeoutUnlessOneIsSet) {
  const auto connected = [](const State::Policy& policy, std::optional<Duration> heartbeat) {
    SimulatedClient client(policy);
    client.start();
    client.state.handle_response({.status = 200, .content_type = "text/event-stream", .heartbeat = heartbeat},
                                 client.now);
    EXPECT_EQ(client.poll_all(), Outputs{"open"});
    return client;
  };
  SimulatedClient client = connected(kPlain, Duration{15'000});
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{37'500});
  client.pass(Duration{30'000});
  client.receive("id: 1\n\n");
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"reconnect: timeout"});
  EXPECT_EQ(client.sleep_until_timeout(), Outputs{"connect 1"});
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{37'500}) << "it is the same server, as far as is known";
  EXPECT_EQ(client.respond(200), Outputs{"open"});
  EXPECT_EQ(client.state.poll_timeout(), std::nullopt) << "another one, which has said nothing";

  EXPECT_EQ(connected(kPlain, std::nullopt).state.poll_timeout(), std::nullopt);
  EXPECT_EQ(connected(kPlain, Duration{0}).state.poll_timeout(), std::nullopt);
  EXPECT_EQ(connected(with_idle_timeout(Duration{0}), Duration{15'000}).state.poll_timeout(), std::nullopt);
  const SimulatedClient own = connected(with_idle_timeout(Duration{7'000}), Duration{15'000});
  EXPECT_EQ(own.state.poll_timeout(), own.now + Duration{7'000});
  const SimulatedClient huge = connected(kPlain, Duration::max());
  EXPECT_EQ(huge.state.poll_timeout(), huge.now + kMaxReconnectionTime * kIdlePercentOfHeartbeat / 100);
}

TEST(EventSourceState, CountsTheSilenceFromTheResponse) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.start();
  client.pass(Duration{15'000});
  client.respond(200);
  EXPECT_EQ(client.state.poll_timeout(), client.now + Duration{20'000});
}

TEST(EventSourceState, IsNotHarmedByATimeoutCalledEarlyOrWithoutCause) {
  SimulatedClient client(with_idle_timeout(Duration{20'000}));
  client.state.handle_timeout(client.now);
  client.connect();
  client.pass(Duration{19'999});
  client.state.handle_timeout(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
  EXPECT_EQ(client.state.ready_state(), ReadyState::kOpen);
  client.break_connection();
  client.state.handle_timeout(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
}

TEST(EventSourceState, NeverTimesOutUnlessAskedTo) {
  SimulatedClient client(kPlain);
  client.start();
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  client.respond(200);
  EXPECT_FALSE(client.state.poll_timeout().has_value());
  client.pass(Duration{1'000'000'000});
  client.state.handle_timeout(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{});
}

TEST(EventSourceState, FailsForGoodOnAnEventThatIsTooLarge) {
  State::Policy policy = kPlain;
  policy.max_event_bytes = 20;
  SimulatedClient client(policy);
  client.connect();
  EXPECT_EQ(client.receive("data: a\n\ndata: 0123456789abcdef\n\ndata: b\n\n"),
            (Outputs{"message a ", "fail: too large"}));
  EXPECT_EQ(client.state.ready_state(), ReadyState::kClosed);
  EXPECT_EQ(client.receive("data: c\n\n"), Outputs{});
  EXPECT_FALSE(client.state.poll_timeout().has_value());
}

}  // namespace
}  // namespace millrace::test
