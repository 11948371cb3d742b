#include "transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

namespace millrace::test {

std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += c;
    } else {
      ((out += "\\x") += kDigits[byte >> 4]) += kDigits[byte & 15];
    }
  }
  return out += '"';
}

std::string event_entry(std::string_view type, std::string_view data, std::string_view last_event_id,
                        std::string_view topic, std::string_view trace) {
  const std::string of_topic = topic.empty() ? "" : " topic " + quoted(topic);
  const std::string of_trace = trace.empty() ? "" : " trace " + quoted(trace);
  return "event " + quoted(type) + " data " + quoted(data) + " last event ID " + quoted(last_event_id) + of_topic +
         of_trace;
}

std::string trace_text(std::string_view parent, std::string_view state) {
  return std::string(parent).append(state.empty() ? "" : " ").append(state);
}

std::string comment_entry(std::string_view comment) {
  return "comment " + quoted(comment);
}

std::string retry_entry(std::int64_t milliseconds) {
  return "retry " + std::to_string(milliseconds);
}

std::string too_large_entry() {
  return "too large";
}

Transcript read_chunks(EventStreamParser& parser, const std::vector<std::string_view>& chunks) {
  using Item = EventStreamParser::Item;
  Transcript transcript;
  for (const std::string_view chunk : chunks) {
    const auto memory = std::make_unique<char[]>(chunk.size());
    std::copy(chunk.begin(), chunk.end(), memory.get());
    parser.feed({memory.get(), chunk.size()});
    for (Item item = parser.next(); item != Item::kNeedMore; item = parser.next()) {
      if (item == Item::kEvent) {
        const MessageEvent& event = parser.event();
        transcript.push_back(event_entry(event.type, event.data, event.last_event_id, event.topic,
                                         trace_text(event.trace.parent(), event.trace.state())));
      } else if (item == Item::kComment) {
        transcript.push_back(comment_entry(parser.comment()));
      } else if (item == Item::kRetry) {
        transcript.push_back(retry_entry(parser.reconnection_time().count()));
      } else {
        transcript.push_back(too_large_entry());
        EXPECT_EQ(parser.next(), Item::kTooLarge) << "the error must stay";
        return transcript;
      }
    }
    EXPECT_EQ(parser.next(), Item::kNeedMore) << "a used-up chunk must stay used up";
    std::fill_n(memory.get(), chunk.size(), '\xA5');
  }
  return transcript;
}

std::vector<std::string_view> chunks_of(std::string_view stream, std::size_t size) {
  std::vector<std::string_view> chunks;
  for (std::size_t at = 0; at < stream.size(); at += size) chunks.push_back(stream.substr(at, size));
  return chunks;
}

}  // namespace millrace::test
