#include "millrace/core/event_source_state.h"

#include <algorithm>

#include "millrace/core/mime_type.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

// Whether an event carries only the cursor. Most events have data, which is checked first.
bool is_cursor(const MessageEvent& event) {
  return event.data.empty() && event.type == protocol::kCursorEventType;
}

// The last ones are those of proxies that cannot reach their server.
bool may_pass(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || (status >= 502 && status <= 504) ||
         (status >= 520 && status <= 530);
}

}  // namespace

EventSourceState::EventSourceState(const Policy& policy, std::string_view last_event_id, std::uint64_t seed)
    : policy_(policy),
      backoff_(policy.backoff, seed),
      parser_(last_event_id, policy.max_event_bytes),
      idle_timeout_(policy.idle_timeout.value_or(Duration{0})) {}

// --- Inputs -------------------------------------------------------------------------------------------------------

void EventSourceState::start() {
  if (stage_ == Stage::kIdle) stage_ = Stage::kStarting;  // the first poll connects
}

// [WHATWG 9.2.2, step 15 of the constructor: processEventSourceResponse]
void EventSourceState::handle_response(const Response& response, TimePoint now) {
  if (stage_ != Stage::kConnecting) return;
  status_ = response.status;
  last_heard_ = now;
  if (response.status != 200) {
    if (response.mended && !was_mended_) {
      was_mended_ = true;
      return wait_until(now, Reason::kStatus);
    }
    const bool policys = policy_.retry_on_server_error && may_pass(response.status);
    if (response.status == 204 || !response.retry.value_or(policys)) return fail(Reason::kStatus);
    return reconnect(Reason::kStatus, now, response.retry_after.value_or(Duration{0}));
  }
  if (!is_essence(extract_essence(response.content_type), protocol::kContentType)) return fail(Reason::kContentType);
  stage_ = Stage::kStreaming;
  if (!awaits_first_byte()) open();
  opened_at_ = now;
  if (!policy_.idle_timeout) {
    const Duration heartbeat = std::min(response.heartbeat.value_or(Duration{0}), kMaxReconnectionTime);
    idle_timeout_ = heartbeat * kIdlePercentOfHeartbeat / 100;
  }
  failed_attempts_ = 0;
  was_mended_ = false;
  brought_event_ = false;
  parser_.reset();
  const bool is_log = policy_.drop_replays == DropReplays::kOfLogs && !response.last_event_id.empty();
  // A stream that continues exactly after the ID that was sent repeats nothing.
  replays_.begin(is_log || policy_.drop_replays == DropReplays::kAlways,
                 !last_event_id().empty() && last_event_id() != response.last_event_id);
  // A last event ID comes from the stream: a header must not change it.
  if (last_event_id().empty()) parser_.set_last_event_id(response.last_event_id);
}

void EventSourceState::hear(TimePoint now) {
  last_heard_ = now;
  has_heard_ = true;
  open();
}

void EventSourceState::open() {
  if (ready_state_ == ReadyState::kOpen) return;
  ready_state_ = ReadyState::kOpen;
  pending_ = Output::kOpen;
}

void EventSourceState::handle_bytes(std::string_view chunk, TimePoint now) {
  if (stage_ != Stage::kStreaming) return;
  hear(now);
  parser_.feed(chunk);
}

void EventSourceState::handle_end(TimePoint now) {
  if (stage_ == Stage::kStreaming && is_polling() && may_repeat(Reason::kEndOfStream)) {
    return poll_again(now);
  }
  if (is_connected()) reconnect(Reason::kEndOfStream, now);
}

void EventSourceState::handle_network_error(TimePoint now) {
  if (stage_ == Stage::kConnecting) is_buffered_ = false;  // no answer at all: this was not a proxy that buffers
  if (is_connected()) reconnect(Reason::kNetworkError, now);
}

void EventSourceState::handle_futile_error() {
  if (stage_ == Stage::kConnecting) fail(Reason::kNetworkError);
}

void EventSourceState::handle_timeout(TimePoint now) {
  if (awaits_first_byte() && now - connecting_since_ >= policy_.first_byte_timeout) {
    is_buffered_ = true;
    return wait_until(now, Reason::kBuffered);
  }
  if (is_connected() && idle_timeout() > Duration{0} && now - last_heard_ >= idle_timeout()) {
    reconnect(Reason::kTimeout, now);
  }
}

void EventSourceState::handle_online(TimePoint now) {
  if (stage_ == Stage::kWaiting) reconnect_at_ = std::min(reconnect_at_, std::max(now, not_before_));
}

void EventSourceState::handle_restart(TimePoint now) {
  if (stage_ == Stage::kIdle || stage_ == Stage::kClosed) return;
  stage_ = Stage::kWaiting;
  ready_state_ = ReadyState::kConnecting;
  pending_ = Output::kNothing;
  reconnect_at_ = now;
}

void EventSourceState::handle_suspend(TimePoint now) {
  if (stage_ == Stage::kIdle || stage_ == Stage::kClosed || stage_ == Stage::kSuspended) return;
  if (is_connected() && !may_repeat(Reason::kNetworkError)) return give_up(Reason::kNetworkError);
  if (stage_ != Stage::kWaiting) reconnect_at_ = not_before_ = now;
  stage_ = Stage::kSuspended;
  ready_state_ = ReadyState::kConnecting;
  pending_ = Output::kNothing;
}

void EventSourceState::handle_resume() {
  if (stage_ == Stage::kSuspended) stage_ = Stage::kWaiting;
}

void EventSourceState::handle_message(std::string_view last_event_id, TimePoint now, bool is_event) {
  if (stage_ != Stage::kStreaming) return;
  hear(now);
  parser_.set_last_event_id(last_event_id);
  brought_event_ |= is_event;
}

void EventSourceState::close() {
  stage_ = Stage::kClosed;
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
  if (stage_ == Stage::kStreaming) return poll_stream(now);
  if (stage_ == Stage::kStarting || (stage_ == Stage::kWaiting && now >= reconnect_at_)) {
    stage_ = Stage::kConnecting;
    last_heard_ = connecting_since_ = now;
    has_heard_ = false;
    return Output::kConnect;
  }
  return Output::kNothing;
}

std::optional<TimePoint> EventSourceState::poll_timeout() const {
  if (stage_ == Stage::kWaiting) return reconnect_at_;
  if (!is_connected()) return std::nullopt;
  std::optional<TimePoint> timeout;
  if (idle_timeout() > Duration{0}) timeout = last_heard_ + idle_timeout();
  if (!awaits_first_byte()) return timeout;
  const TimePoint first_byte = connecting_since_ + policy_.first_byte_timeout;
  return timeout ? std::min(*timeout, first_byte) : first_byte;
}

bool EventSourceState::awaits_first_byte() const {
  return is_connected() && !has_heard_ && !is_polling() && policy_.first_byte_timeout > Duration{0} &&
         may_repeat(Reason::kBuffered);
}

EventSourceState::Output EventSourceState::poll_stream(TimePoint now) {
  while (true) {
    switch (parser_.next()) {
      case EventStreamParser::Item::kNeedMore:
        return Output::kNothing;
      case EventStreamParser::Item::kEvent:
        if (is_cursor(parser_.event())) {
          if (policy_.cursor_events) return Output::kEvent;
          break;
        }
        brought_event_ = true;
        if (replays_.is_replay(parser_.event())) break;
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
  if (!may_repeat(reason)) return give_up(reason);
  if (stage_ == Stage::kConnecting && ++failed_attempts_ == policy_.max_attempts) return fail(reason);
  if (stage_ == Stage::kStreaming) {
    if (now - opened_at_ >= kStablePeriod) {
      backoff_.reset();
    } else if (brought_event_) {
      backoff_.progress();
    }
  }
  const TimePoint allowed = now + std::min(at_least, kMaxReconnectionTime);
  wait_until(std::max(now + backoff_.next(), allowed), reason);
  not_before_ = allowed;
}

void EventSourceState::wait_until(TimePoint time, Reason reason) {
  stage_ = Stage::kWaiting;
  ready_state_ = ReadyState::kConnecting;
  reason_ = reason;
  reconnect_at_ = time;
  not_before_ = TimePoint::min();
  pending_ = Output::kReconnect;
}

// A response without a byte counts as a failure, so that the client backs off from a server that sends only those.
void EventSourceState::poll_again(TimePoint now) {
  if (has_heard_) backoff_.progress();
  stage_ = Stage::kWaiting;
  not_before_ = TimePoint::min();
  reconnect_at_ = now + backoff_.next();
}

// [RFC 9110 9.2.2] When its connection is lost, it is unknown whether a request that is not idempotent had its effect.
bool EventSourceState::may_repeat(Reason reason) const {
  if (policy_.reconnect == Reconnect::kNever) return false;
  if (policy_.is_idempotent) return true;
  return policy_.reconnect == Reconnect::kAlways && (reason != Reason::kEndOfStream || !last_event_id().empty());
}

void EventSourceState::give_up(Reason reason) {
  was_not_repeated_ = true;
  fail(reason);
}

// [WHATWG 9.2.2] "Fail the connection".
void EventSourceState::fail(Reason reason) {
  stage_ = Stage::kClosed;
  ready_state_ = ReadyState::kClosed;
  reason_ = reason;
  pending_ = Output::kFail;
}

}  // namespace millrace
