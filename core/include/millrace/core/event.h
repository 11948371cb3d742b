// Event: what a publisher sends. MessageEvent: what a client dispatches.
//
// Both are views and own nothing: copy the members that you keep.
#pragma once

#include <optional>
#include <string_view>

#include "millrace/core/field_value.h"
#include "millrace/core/time.h"
#include "millrace/core/trace_context.h"

namespace millrace {

/// An event to send: `{.type = "created", .data = text}`.
struct Event {
  /// The `event` field. Empty: the default type, `message`.
  EventType type = {};

  /// Any text, with any number of lines. CR, LF and CRLF all arrive as LF. Empty data is sent and dispatched as empty.
  std::string_view data = {};

  /// The publisher's own ID. Empty: the log gives one.
  EventId id = {};

  /// Sets the client's reconnection time.
  std::optional<Duration> retry = {};

  /// The trace that the event belongs to. A server's log keeps it for subscribers that ask for traces.
  TraceContext trace = {};
};

/// A received event, in valid UTF-8. [WHATWG 9.2.6, "dispatch the event"]
struct MessageEvent {
  std::string_view type;           ///< never empty: `message` if the stream has no type
  std::string_view data;           ///< lines joined by LF
  std::string_view last_event_id;  ///< the last event ID string: it stays until an `id` field changes it
  bool has_id = false;             ///< this event had an `id`; otherwise last_event_id is that of an earlier event
  std::string_view topic = {};     ///< of its `topic` field, which a Millrace server adds on request; else empty
  std::string_view topics = {};    ///< all topics of that field, with one tab between two; no topic contains a tab
  TraceContext trace = {};         ///< of its fields `traceparent` and `tracestate`, which a server adds on request
};

}  // namespace millrace
