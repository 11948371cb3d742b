#include "simulated_client.h"

#include <gtest/gtest.h>

#include <memory>

namespace millrace::test {

namespace {

using State = EventSourceState;

std::string reason_name(State::Reason reason) {
  switch (reason) {
    case State::Reason::kNone:
      return "none";
    case State::Reason::kNetworkError:
      return "network error";
    case State::Reason::kEndOfStream:
      return "end of stream";
    case State::Reason::kTimeout:
      return "timeout";
    case State::Reason::kStatus:
      return "status";
    case State::Reason::kContentType:
      return "content type";
    case State::Reason::kTooLarge:
      return "too large";
    case State::Reason::kBuffered:
      return "buffered";
  }
  return "?";
}

std::string describe(State::Output output, const State& state) {
  switch (output) {
    case State::Output::kNothing:
      return "nothing";
    case State::Output::kConnect:
      return "connect " + std::string(state.last_event_id());
    case State::Output::kOpen:
      return "open";
    case State::Output::kEvent:
      return std::string(state.event().type) + " " + std::string(state.event().data) + " " +
             std::string(state.event().last_event_id);
    case State::Output::kComment:
      return "comment " + std::string(state.comment());
    case State::Output::kReconnect:
      return "reconnect: " + reason_name(state.reason());
    case State::Output::kFail:
      return "fail: " + reason_name(state.reason());
  }
  return "?";
}

}  // namespace

Outputs SimulatedClient::poll_all() {
  Outputs outputs;
  for (State::Output output = state.poll(now); output != State::Output::kNothing; output = state.poll(now)) {
    outputs.push_back(describe(output, state));
    if (act) act(output);
    if (outputs.size() > 1'000) {
      ADD_FAILURE() << "poll() does not come to an end";
      break;
    }
  }
  return outputs;
}

Outputs SimulatedClient::start() {
  state.start();
  return poll_all();
}

Outputs SimulatedClient::respond(int status, std::string_view content_type) {
  state.handle_response({.status = status, .content_type = content_type}, now);
  return poll_all();
}

Outputs SimulatedClient::respond_from(std::string_view last_event_id) {
  state.handle_response({.status = 200, .content_type = "text/event-stream", .last_event_id = last_event_id}, now);
  return poll_all();
}

Outputs SimulatedClient::respond_retry_after(int status, Duration retry_after) {
  state.handle_response({.status = status, .retry_after = retry_after}, now);
  return poll_all();
}

Outputs SimulatedClient::receive(std::string_view bytes) {
  const auto memory = std::make_unique<char[]>(bytes.size());  // freed afterwards: nothing may look there again
  bytes.copy(memory.get(), bytes.size());
  state.handle_bytes({memory.get(), bytes.size()}, now);
  return poll_all();
}

Outputs SimulatedClient::end() {
  state.handle_end(now);
  return poll_all();
}

Outputs SimulatedClient::break_connection() {
  state.handle_network_error(now);
  return poll_all();
}

Outputs SimulatedClient::go_online() {
  state.handle_online(now);
  return poll_all();
}

Outputs SimulatedClient::close() {
  state.close();
  return poll_all();
}

Outputs SimulatedClient::sleep_until_timeout() {
  const auto timeout = state.poll_timeout();
  if (!timeout) {
    ADD_FAILURE() << "nothing to wait for";
    return {};
  }
  EXPECT_GE(*timeout, now) << "what is due should have been polled";
  now = *timeout;
  state.handle_timeout(now);
  return poll_all();
}

void SimulatedClient::connect() {
  if (state.ready_state() == State::ReadyState::kConnecting) start();
  EXPECT_EQ(respond(200), Outputs{"open"});
}

Duration SimulatedClient::reconnect_after_break() {
  const TimePoint broken = now;
  Outputs outputs = break_connection();
  if (outputs.size() == 1) outputs = sleep_until_timeout();  // else the wait is zero, and the attempt made already
  EXPECT_TRUE(!outputs.empty() && outputs.back().starts_with("connect")) << "a wait ends in an attempt";
  return now - broken;
}

}  // namespace millrace::test
