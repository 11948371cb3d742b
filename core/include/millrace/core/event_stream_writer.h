// EventStreamWriter: events in, the bytes of an event stream out. [WHATWG 9.2.5]
//
// A thin shell on a string it appends to; any number of them may exist at once. What it writes, EventStreamParser reads
// back: data is split at CR, LF and CRLF, and no value can inject a field, since EventId and EventType cannot hold a
// line end and comments lose theirs.
//
//   std::string bytes;
//   EventStreamWriter(bytes).event({.type = "created", .data = "two\nlines"});
#pragma once

#include <string>
#include <string_view>

#include "millrace/core/event.h"
#include "millrace/core/time.h"

namespace millrace {

class EventStreamWriter {
 public:
  explicit EventStreamWriter(std::string& out) : out_(out) {}

  /// One whole block: `event`, `id`, `retry` where given, then the data, then the empty line.
  void event(const Event& event);

  /// A block without data: it dispatches nothing, but sets the client's last event ID and, if given, its reconnection
  /// time. This is how a stream is primed and how a heartbeat carries the cursor. An empty `id` clears the client's.
  void cursor(EventId id, std::optional<Duration> retry = {});

  /// The same as an event of type kCursorEventType with empty data, for clients that take no ID from a block without.
  void cursor_event(EventId id, std::optional<Duration> retry = {});

  /// A reconnection time alone. It counts at once and ends no block: a client that makes an event of every empty line
  /// makes none of this.
  void retry(Duration retry);

  /// A comment, which clients ignore; every line of `text` becomes one. [WHATWG 9.2.7: against proxies that time out]
  void comment(std::string_view text);

 private:
  void field(std::string_view name, std::string_view value);
  void retry_field(Duration retry);

  std::string& out_;
};

}  // namespace millrace
