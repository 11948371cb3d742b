#include "millrace/core/event_stream_writer.h"

#include <charconv>

#include "millrace/core/protocol.h"

namespace millrace {

namespace {

// Removes the first line from `rest`, with its line end (CR, LF or CRLF). False if it was the last one.
bool take_line(std::string_view& rest, std::string_view& line) {
  const std::size_t end = rest.find_first_of("\r\n");
  line = rest.substr(0, end);
  if (end == std::string_view::npos) return false;
  const bool crlf = rest.substr(end, 2) == "\r\n";
  rest.remove_prefix(end + (crlf ? 2 : 1));
  return true;
}

}  // namespace

void EventStreamWriter::event(const Event& event) {
  trace(event.trace);
  if (!event.type.empty()) field("event: ", event.type.view());
  if (!event.id.empty()) field("id: ", event.id.view());
  if (event.retry) retry_field(*event.retry);
  std::string_view rest = event.data;
  std::string_view line;
  bool more = true;
  while (more) {
    more = take_line(rest, line);
    field("data: ", line);
  }
  out_ += '\n';
}

void EventStreamWriter::trace(TraceContext trace) {
  if (!trace.empty()) field("traceparent: ", trace.parent());
  if (!trace.state().empty()) field("tracestate: ", trace.state());
}

void EventStreamWriter::cursor(EventId id, std::optional<Duration> retry) {
  if (retry) retry_field(*retry);
  field("id: ", id.view());
  out_ += '\n';
}

void EventStreamWriter::cursor_event(EventId id, std::optional<Duration> retry) {
  field("event: ", protocol::kCursorEventType);
  field("id: ", id.view());
  if (retry) retry_field(*retry);
  field("data:", {});
  out_ += '\n';
}

void EventStreamWriter::retry(Duration retry) {
  retry_field(retry);
}

void EventStreamWriter::comment(std::string_view text) {
  std::string_view line;
  bool more = true;
  while (more) {
    more = take_line(text, line);
    field(": ", line);
  }
  out_ += '\n';
}

void EventStreamWriter::field(std::string_view name, std::string_view value) {
  out_.append(name).append(value) += '\n';
}

void EventStreamWriter::retry_field(Duration retry) {
  char digits[20];
  const auto count = retry < Duration{0} ? 0 : retry.count();
  const auto end = std::to_chars(digits, digits + sizeof digits, count).ptr;
  field("retry: ", std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

}  // namespace millrace
