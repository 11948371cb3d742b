// Uses the core as any program would: what the writer has written, the parser reads.
#include <millrace/core/event_stream_parser.h>
#include <millrace/core/event_stream_writer.h>

#include <iostream>
#include <string>

int main() {
  std::string stream;
  millrace::EventStreamWriter(stream).event({.type = "created", .data = "two\nlines"});
  millrace::EventStreamParser parser;
  parser.feed(stream);
  while (parser.next() != millrace::EventStreamParser::Item::kEvent) continue;
  std::cout << "received: " << parser.event().data << '\n';
  return parser.event().type == "created" && parser.event().data == "two\nlines" ? 0 : 1;
}
