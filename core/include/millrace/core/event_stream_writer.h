// EventStreamWriter: writes events as the bytes of an event stream. [WHATWG 9.2.5]
//
// It appends to a string. Any number of writers may exist at once. EventStreamParser reads back what it writes: data is
// split at CR, LF and CRLF. No value can inject a field, because EventId and EventType contain no line end, and each
// line of a comment becomes a comment.
//
//   std::string bytes;
//   EventStreamWriter(bytes).event({.type = "created", .data = "two\nlines"});
#pragma once

#include <string>
#include <string_view>

#include "millrace/core/event.h"
#include "millrace/core/time.h"

namespace millrace {

/// Appends events and comments to a string of its owner.
class EventStreamWriter {
 public:
  /// `out` must outlive it.
  explicit EventStreamWriter(std::string& out) : out_(out) {}

  /// Writes one block: `traceparent`, `tracestate`, `event`, `id` and `retry` if they are set, then the data, then the
  /// empty line.
  void event(const Event& event);

  /// Writes only the fields of a trace, for a block that goes on after them. Writes nothing without a trace.
  void trace(TraceContext trace);

  /// Writes a block without data. It dispatches nothing, but sets the client's last event ID and, if set, its
  /// reconnection time: for a stream's first block and for heartbeats. An empty `id` clears the client's ID.
  void cursor(EventId id, std::optional<Duration> retry = {});

  /// The same as an event of type kCursorEventType with empty data, for clients that ignore IDs of blocks without data.
  void cursor_event(EventId id, std::optional<Duration> retry = {});

  /// Writes only a reconnection time. It takes effect at once and ends no block, so that clients that make an event of
  /// every empty line make none of it.
  void retry(Duration retry);

  /// Writes a comment for each line of `text`. Clients ignore comments. [WHATWG 9.2.7: against proxies that time out]
  void comment(std::string_view text);

 private:
  void field(std::string_view name, std::string_view value);
  void retry_field(Duration retry);

  std::string& out_;
};

}  // namespace millrace
