// Another source of the same program, as in docs/install.md.
#include <cstdio>
#include <string>

#include "millrace_parser.h"

int main() {
  std::string stream;
  millrace::EventStreamWriter(stream).event({.type = "created", .data = "two\nlines", .id = "7"});
  millrace::EventStreamParser parser;
  parser.feed(stream);
  while (parser.next() != millrace::EventStreamParser::Item::kEvent) continue;
  millrace::EventSourceState state({});
  state.start();
  const bool connects = state.poll(millrace::TimePoint()) == millrace::EventSourceState::Output::kConnect;
  std::printf("received: %.*s\n", static_cast<int>(parser.event().data.size()), parser.event().data.data());
  return connects && parser.event().type == "created" && parser.last_event_id() == "7" ? 0 : 1;
}
