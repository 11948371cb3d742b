// Which requests the client's state machine sends again, by their method and Policy::reconnect.
#include <gtest/gtest.h>

#include "millrace/core/event_source_state.h"
#include "millrace/core/method.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using Reconnect = State::Reconnect;

State::Policy policy_for(std::string_view method, Reconnect reconnect) {
  State::Policy policy{.backoff = {.reconnection_time = Duration{1'000}, .jitter_percent = 0}};
  policy.reconnect = reconnect;
  policy.is_idempotent = is_idempotent(method);
  policy.retry_on_server_error = true;
  return policy;
}

enum class Loss { kNoConnection, kServerError, kBrokenBeforeAnyId, kBrokenBehindAnId, kEndWithoutId, kEndBehindAnId };

// Whether it connects again, from a loss of this kind.
bool comes_back(const State::Policy& policy, Loss loss) {
  SimulatedClient client(policy);
  client.start();
  Outputs outputs;
  if (loss == Loss::kNoConnection) {
    outputs = client.break_connection();
  } else if (loss == Loss::kServerError) {
    outputs = client.respond(503);
  } else {
    client.respond(200);
    const bool has_id = loss == Loss::kBrokenBehindAnId || loss == Loss::kEndBehindAnId;
    client.receive(has_id ? "id: 7\ndata: a\n\n" : "data: a\n\n");
    const bool ends = loss == Loss::kEndWithoutId || loss == Loss::kEndBehindAnId;
    outputs = ends ? client.end() : client.break_connection();
  }
  EXPECT_EQ(outputs.size(), 1u);
  const bool reconnects = outputs.at(0).starts_with("reconnect");
  EXPECT_EQ(client.state.was_not_repeated(), !reconnects);
  EXPECT_EQ(client.state.ready_state() == State::ReadyState::kClosed, !reconnects);
  return reconnects;
}

constexpr Loss kLosses[] = {Loss::kNoConnection,     Loss::kServerError,  Loss::kBrokenBeforeAnyId,
                            Loss::kBrokenBehindAnId, Loss::kEndWithoutId, Loss::kEndBehindAnId};

TEST(EventSourceState, SendsNoRequestAgainWhereItNeverShould) {
  for (const Loss loss : kLosses) {
    EXPECT_FALSE(comes_back(policy_for("GET", Reconnect::kNever), loss));
    EXPECT_FALSE(comes_back(policy_for("POST", Reconnect::kNever), loss));
  }
}

TEST(EventSourceState, SendsRequestsOfIdempotentMethodsAgainAsTheStandardHasIt) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"}) {
    for (const Loss loss : kLosses) {
      EXPECT_TRUE(comes_back(policy_for(method, Reconnect::kIdempotent), loss)) << method;
      EXPECT_TRUE(comes_back(policy_for(method, Reconnect::kAlways), loss)) << method;
    }
  }
}

TEST(EventSourceState, SendsNoOtherRequestAgainUnlessAskedTo) {
  for (const char* method : {"POST", "PATCH", "REPORT", "post", "get", ""}) {
    for (const Loss loss : kLosses)
      EXPECT_FALSE(comes_back(policy_for(method, Reconnect::kIdempotent), loss)) << method;
  }
}

TEST(EventSourceState, SendsNoAnsweredRequestAgainWithoutAnIdThoughAskedTo) {
  for (const Loss loss : kLosses) {
    EXPECT_EQ(comes_back(policy_for("POST", Reconnect::kAlways), loss), loss != Loss::kEndWithoutId);
  }
}

TEST(EventSourceState, SendsAnyRequestAgainWhenItIsRestarted) {
  SimulatedClient client(policy_for("POST", Reconnect::kNever));
  client.connect();
  client.state.handle_restart(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"connect "});
}

TEST(EventSourceState, SendsAnyRequestAgainOnceItsRefusalIsMended) {
  SimulatedClient client(policy_for("POST", Reconnect::kIdempotent));
  client.start();
  client.state.handle_response({.status = 401, .mended = true}, client.now);
  EXPECT_EQ(client.poll_all(), (Outputs{"reconnect: status", "connect "}));
  client.state.handle_response({.status = 401, .mended = true}, client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"fail: status"});
}

TEST(EventSourceState, LosesARequestThatMustNotBeSentAgainForGoodWhenItIsSuspended) {
  SimulatedClient client(policy_for("POST", Reconnect::kIdempotent));
  client.connect();
  client.state.handle_suspend(client.now);
  EXPECT_EQ(client.poll_all(), Outputs{"fail: network error"});
  client.state.handle_resume();
  EXPECT_EQ(client.poll_all(), Outputs{});

  SimulatedClient unsent(policy_for("POST", Reconnect::kIdempotent));
  unsent.state.start();
  unsent.state.handle_suspend(unsent.now);
  EXPECT_EQ(unsent.poll_all(), Outputs{});
  unsent.state.handle_resume();
  EXPECT_EQ(unsent.poll_all(), Outputs{"connect "}) << "it has not been sent yet";
}

TEST(EventSourceState, NeitherPollsNorGivesUpForPollingWhereItMustNotAskAgain) {
  State::Policy policy = policy_for("GET", Reconnect::kNever);
  policy.first_byte_timeout = Duration{5'000};
  SimulatedClient waiting(policy);
  waiting.connect();
  EXPECT_EQ(waiting.state.poll_timeout(), std::nullopt);

  policy.polling = true;
  SimulatedClient polling(policy);
  polling.connect();
  polling.receive("id: 7\ndata: a\n\n");
  EXPECT_EQ(polling.end(), Outputs{"fail: end of stream"});
}

TEST(EventSourceState, SaysWhetherItWasTheRuleThatEndedIt) {
  State::Policy policy = policy_for("GET", Reconnect::kIdempotent);
  policy.max_attempts = 1;
  SimulatedClient client(policy);
  client.start();
  EXPECT_EQ(client.break_connection(), Outputs{"fail: network error"});
  EXPECT_FALSE(client.state.was_not_repeated());
}

}  // namespace
}  // namespace millrace::test
