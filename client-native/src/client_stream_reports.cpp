// What a stream reports to its owner: its state, events, gaps and errors.
#include <algorithm>
#include <utility>

#include "client_stream.h"
#include "clock.h"
#include "explanation.h"
#include "millrace/core/protocol.h"
#include "parse_json.h"

namespace millrace {

void ClientStream::publish_state() {
  ready_state_ = state_.ready_state();
  const std::uint32_t changes = state_.last_event_id_changes();  // a long ID must not be compared for each event
  if (std::exchange(id_changes_, changes) == changes) return;
  const MutexLock lock(last_event_id_mutex_);
  last_event_id_ = state_.last_event_id();
}

void ClientStream::dispatch(const MessageEvent& event) {
  if (event.type == protocol::kGapEventType && !gap_listeners.empty()) report_gap(event);
  for (const auto& listener : any_listeners) {
    if (!closing_) listener(event);
  }
  const auto found = listeners_by_type.find(event.type);
  if (found != listeners_by_type.end()) {
    for (const auto& listener : found->second) {
      if (!closing_) listener(event);
    }
  }
  if (queues_events_ && !closing_) queue_.push(event, state_.last_event_id_changes());
}

void ClientStream::report_gap(const MessageEvent& event) {
  const auto said = parse_json(event.data);
  const auto text = [&said](const char* name) {
    return said.is_object() && said.contains(name) && said[name].is_string() ? said[name].get<std::string>()
                                                                             : std::string();
  };
  const std::string last_event_id = text("lastEventId");
  const std::string reason = text("reason");
  log(LogLevel::kWarning, "events are missing after \"" + one_line(last_event_id) + "\": " + one_line(reason));
  for (const auto& listener : gap_listeners) {
    if (!closing_) listener({.last_event_id = last_event_id, .reason = reason});
  }
}

void ClientStream::report_error(bool will_reconnect) {
  std::string message = describe_error();
  if (state_.was_not_repeated()) message += ", and the " + options_.method + " is not sent again (policy.reconnect)";
  EventSourceError error;
  error.reason = state_.reason();
  error.status = state_.status();
  error.will_reconnect = will_reconnect;
  error.message = message;
  if (error.reason == Reason::kStatus) error.explanation = explanation_;
  if (will_reconnect) error.reconnect_in = std::max(*state_.poll_timeout() - now(), Duration{0});
  log(LogLevel::kWarning,
      will_reconnect ? message + "; reconnecting in " + std::to_string(error.reconnect_in.count()) + " ms" : message);
  for (const auto& listener : error_listeners) {
    if (!closing_) listener(error);
  }
}

std::string ClientStream::describe_error() const {
  switch (state_.reason()) {
    case Reason::kNone:
      break;
    case Reason::kNetworkError:
      return problem_;
    case Reason::kEndOfStream:
      return "the server ended the stream";
    case Reason::kTimeout:
      return "no data arrived for " + std::to_string(state_.idle_timeout().count()) + " ms";
    case Reason::kStatus:
      if (state_.status() == 204) return "the server answered 204: it has nothing more to send";
      return "the server answered " + std::to_string(state_.status()) +
             (explanation_.empty() ? "" : ": " + explanation_);
    case Reason::kContentType:
      return "the server answered with content type \"" + content_type_ + "\" instead of text/event-stream";
    case Reason::kTooLarge:
      return "an event is larger than " + std::to_string(options_.policy.max_event_bytes) + " bytes";
    case Reason::kBuffered:
      return "no data arrived for " + std::to_string(options_.policy.first_byte_timeout.count()) +
             " ms: a proxy seems to hold the stream back; polling instead";
  }
  return {};
}

void ClientStream::log(LogLevel level, std::string_view sentence) const {
  if (options_.log) options_.log(level, sentence);
}

}  // namespace millrace
