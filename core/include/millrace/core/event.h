// What the two ends exchange: Event is what a publisher sends, MessageEvent what a client dispatches.
//
// Both are views and own nothing; copy the members you keep.
#pragma once

#include <optional>
#include <string_view>

#include "millrace/core/field_value.h"
#include "millrace/core/time.h"

namespace millrace {

/// An event to be sent: `{.type = "created", .data = text}`.
struct Event {
  /// The `event` field; empty is the default type, `message`.
  EventType type = {};

  /// Any text, of any number of lines; CR, LF and CRLF all arrive as LF. Empty data is sent, and dispatched, as such.
  std::string_view data = {};

  /// The publisher's own ID; empty lets the log give one.
  EventId id = {};

  /// Sets the client's reconnection time.
  std::optional<Duration> retry = {};
};

/// An event as a client sees it, in valid UTF-8. [WHATWG 9.2.6, "dispatch the event"]
struct MessageEvent {
  std::string_view type;           ///< never empty: `message` where the stream names none
  std::string_view data;           ///< lines joined by LF
  std::string_view last_event_id;  ///< the last event ID string: it lives on until an `id` field changes it
  bool has_id = false;             ///< the event's own block had an `id`; else last_event_id is that of an earlier one
};

}  // namespace millrace
