// Whatever is published is read back: one event, with its type, ID and data, and nothing injected.
//
// The input is type, ID, data and comment, divided by 0xFF.
#include <array>
#include <cstddef>
#include <cstdint>

#include "failure.h"
#include "millrace/core/event_stream_writer.h"
#include "reference_parser.h"

using namespace millrace;
using namespace millrace::test;

namespace {

std::string with_line_ends_as_lf(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i] == '\r' ? '\n' : text[i];
  }
  return out;
}

// What decoding makes of `text`, which holds no CR: the reference parser reads it from fields of our own making.
std::string decoded(std::string_view text) {
  std::string stream = "data: ";
  for (const char c : text) stream += c == '\n' ? std::string("\ndata: ") : std::string(1, c);
  const Transcript transcript = ReferenceParser().read(stream + "\n\n");
  const std::string before = "event \"message\" data ";
  const std::string behind = " last event ID \"\"";
  return transcript.at(0).substr(before.size(), transcript.at(0).size() - before.size() - behind.size());
}

std::string expected_event(const Event& event, std::string_view last_event_id) {
  return "event " + decoded(event.type.empty() ? "message" : event.type.view()) + " data " +
         decoded(with_line_ends_as_lf(event.data)) + " last event ID " + decoded(last_event_id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  std::array<std::string_view, 4> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = rest.find('\xFF');
    part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  const auto& [type, id, data, comment] = parts;
  const Event event{
      .type = EventType::parse(type).value_or(EventType()), .data = data, .id = EventId::parse(id).value_or(EventId())};

  std::string block;
  EventStreamWriter(block).event(event);
  EventStreamParser parser("before");
  const std::string_view last_event_id = event.id.empty() ? "before" : event.id.view();
  expect_same(read_chunks(parser, {block}), {expected_event(event, last_event_id)}, quoted(block));
  EventStreamParser in_bytes("before");
  expect_same(read_chunks(in_bytes, chunks_of(block, 1)), {expected_event(event, last_event_id)}, quoted(block));

  std::string comments;
  EventStreamWriter(comments).comment(comment);
  EventStreamParser comment_parser;
  for (const std::string& entry : read_chunks(comment_parser, {comments})) {
    if (!entry.starts_with("comment ")) stop("a comment became " + entry + " in " + quoted(comments));
  }
  if (!comment_parser.last_event_id().empty()) stop("a comment set the last event ID: " + quoted(comments));
  return 0;
}
