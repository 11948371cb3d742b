#include "millrace/core/event_source_state.h"

#include <algorithm>

#include "millrace/core/protocol.h"

namespace millrace {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Whether the MIME type's essence is text/event-stream, whatever its parameters. [MIME sniffing 4.4]
bool is_event_stream(std::string_view content_type) {
  std::string_view essence = content_type.substr(0, content_type.find(';'));
  while (!essence.empty() && is_space(essence.front())) essence.remove_prefix(1);
  while (!essence.empty() && is_space(essence.back())) essence.remove_suffix(1);
  return std::equal(essence.begin(), essence.end(), protocol::kContentType.begin(), protocol::kContentType.end(),
                    [](char a, char b) { return to_lower(a) == b; });
}

bool is_server_error(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace

EventSourceState::EventSourceState(const Policy& policy, std::string_view last_event_id, std::uint64_t seed)
    : policy_(policy), backoff_(policy.backoff, seed), parser_(last_event_id, policy.max_event_bytes) {}

// --- Inputs -------------------------------------------------------------------------------------------------------

void EventSourceState::start() {
  if (phase_ != Phase::kIdle) return;
  phase_ = Phase::kWaiting;  // for the first poll, which connects at once
  reconnect_at_ = TimePoint::min();
}

// [WHATWG 9.2.2, step 15 of the constructor: processEventSourceResponse]
void EventSourceState::handle_response(const Response& response, TimePoint now) {
  if (phase_ != Phase::kConnecting) return;
  status_ = response.status;
  last_heard_ = now;
  if (response.status != 200) {
    const bool policys = policy_.retry_on_server_error && is_server_error(response.status);
    if (response.status == 204 || !response.retry.value_or(policys)) return fail(Reason::kStatus);
    return reconnect(Reason::kStatus, now, response.retry_after.value_or(Duration{0}));
  }
  if (!is_event_stream(response.content_type)) return fail(Reason::kContentType);
  phase_ = Phase::kStreaming;
  ready_state_ = ReadyState::kOpen;
  opened_at_ = now;
  failed_attempts_ = 0;
  parser_.reset();
  pending_ = Output::kOpen;
}

void EventSourceState::handle_bytes(std::string_view chunk, TimePoint now) {
  if (phase_ != Phase::kStreaming) return;
  last_heard_ = now;
  parser_.feed(chunk);
}

void EventSourceState::handle_end(TimePoint now) {
  if (phase_ == Phase::kConnecting || phase_ == Phase::kStreaming) reconnect(Reason::kEndOfStream, now);
}

void EventSourceState::handle_network_error(TimePoint now) {
  if (phase_ == Phase::kConnecting || phase_ == Phase::kStreaming) reconnect(Reason::kNetworkError, now);
}

void EventSourceState::handle_timeout(TimePoint now) {
  const bool connected = phase_ == Phase::kConnecting || phase_ == Phase::kStreaming;
  if (connected && policy_.idle_timeout > Duration{0} && now - last_heard_ >= policy_.idle_timeout) {
    reconnect(Reason::kTimeout, now);
  }
}

void EventSourceState::handle_online(TimePoint now) {
  if (phase_ == Phase::kWaiting) reconnect_at_ = std::min(reconnect_at_, now);
}

void EventSourceState::handle_restart(TimePoint now) {
  if (phase_ == Phase::kIdle || phase_ == Phase::kClosed) return;
  phase_ = Phase::kWaiting;
  ready_state_ = ReadyState::kConnecting;
  pending_ = Output::kNothing;
  reconnect_at_ = now;
}

void EventSourceState::handle_message(std::string_view last_event_id, TimePoint now) {
  if (phase_ != Phase::kStreaming) return;
  last_heard_ = now;
  parser_.set_last_event_id(last_event_id);
  backoff_.reset();
}

void EventSourceState::close() {
  phase_ = Phase::kClosed;
  ready_state_ = ReadyState::kClosed;
  pending_ = Output::kNothing;
}

// --- Outputs ------------------------------------------------------------------------------------------------------

EventSourceState::Output EventSourceState::poll(TimePoint now) {
  if (pending_ != Output::kNothing) {
    const Output output = pending_;
    pending_ = Output::kNothing;
    return output;
  }
  if (phase_ == Phase::kStreaming) return poll_stream(now);
  if (phase_ == Phase::kWaiting && now >= reconnect_at_) {
    phase_ = Phase::kConnecting;
    last_heard_ = now;
    return Output::kConnect;
  }
  return Output::kNothing;
}

std::optional<TimePoint> EventSourceState::poll_timeout() const {
  if (phase_ == Phase::kWaiting) return reconnect_at_;
  if (phase_ == Phase::kIdle || phase_ == Phase::kClosed || policy_.idle_timeout <= Duration{0}) return std::nullopt;
  return last_heard_ + policy_.idle_timeout;
}

EventSourceState::Output EventSourceState::poll_stream(TimePoint now) {
  while (true) {
    switch (parser_.next()) {
      case EventStreamParser::Item::kNeedMore:
        return Output::kNothing;
      case EventStreamParser::Item::kEvent:
        backoff_.reset();
        return Output::kEvent;
      case EventStreamParser::Item::kComment:
        return Output::kComment;
      case EventStreamParser::Item::kRetry:
        backoff_.set_reconnection_time(parser_.reconnection_time());
        break;
      case EventStreamParser::Item::kTooLarge:
        fail(Reason::kTooLarge);
        return poll(now);
    }
  }
}

// [WHATWG 9.2.2] "Reestablish the connection".
void EventSourceState::reconnect(Reason reason, TimePoint now, Duration at_least) {
  if (phase_ == Phase::kConnecting && ++failed_attempts_ == policy_.max_attempts) return fail(reason);
  if (phase_ == Phase::kStreaming && now - opened_at_ >= kStablePeriod) backoff_.reset();
  phase_ = Phase::kWaiting;
  ready_state_ = ReadyState::kConnecting;
  reason_ = reason;
  reconnect_at_ = now + std::max(backoff_.next(), std::min(at_least, kMaxReconnectionTime));
  pending_ = Output::kReconnect;
}

// [WHATWG 9.2.2] "Fail the connection".
void EventSourceState::fail(Reason reason) {
  phase_ = Phase::kClosed;
  ready_state_ = ReadyState::kClosed;
  reason_ = reason;
  pending_ = Output::kFail;
}

}  // namespace millrace
