#include "reference_parser.h"

#include <algorithm>
#include <cstdint>
#include <regex>
#include <utility>

namespace millrace::test {

namespace {

// [Encoding 8.1.1, UTF-8 decoder] The state machine as it is written there, error mode "replacement".
std::u32string decode(std::string_view bytes) {
  std::u32string out;
  char32_t code_point = 0;
  int bytes_seen = 0;
  int bytes_needed = 0;
  std::uint8_t lower_boundary = 0x80;
  std::uint8_t upper_boundary = 0xBF;
  const auto start_over = [&] {
    code_point = 0;
    bytes_needed = bytes_seen = 0;
    lower_boundary = 0x80;
    upper_boundary = 0xBF;
  };

  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (bytes_needed == 0) {
      if (byte <= 0x7F) {
        out += byte;
      } else if (byte >= 0xC2 && byte <= 0xDF) {
        bytes_needed = 1;
        code_point = byte & 0x1F;
      } else if (byte >= 0xE0 && byte <= 0xEF) {
        if (byte == 0xE0) lower_boundary = 0xA0;
        if (byte == 0xED) upper_boundary = 0x9F;
        bytes_needed = 2;
        code_point = byte & 0xF;
      } else if (byte >= 0xF0 && byte <= 0xF4) {
        if (byte == 0xF0) lower_boundary = 0x90;
        if (byte == 0xF4) upper_boundary = 0x8F;
        bytes_needed = 3;
        code_point = byte & 0x7;
      } else {
        out += U'\uFFFD';
      }
      continue;
    }
    if (byte < lower_boundary || byte > upper_boundary) {
      start_over();
      out += U'\uFFFD';
      --i;  // the byte goes back into the queue
      continue;
    }
    lower_boundary = 0x80;
    upper_boundary = 0xBF;
    code_point = (code_point << 6) | (byte & 0x3F);
    if (++bytes_seen != bytes_needed) continue;
    out += code_point;
    start_over();
  }
  if (bytes_needed != 0) out += U'\uFFFD';  // the end of the queue inside a sequence
  return out;
}

// [Encoding 6, UTF-8 decode] A byte order mark at the very start is taken off before decoding.
std::u32string utf8_decode(std::string_view bytes) {
  if (bytes.substr(0, 3) == "\xEF\xBB\xBF") bytes.remove_prefix(3);
  return decode(bytes);
}

std::string encode(const std::u32string& text) {
  std::string out;
  const auto put = [&](char32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  for (const char32_t c : text) {
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0 | (c >> 6));
      put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
      put(0xE0 | (c >> 12));
      put(0x80 | ((c >> 6) & 0x3F));
      put(0x80 | (c & 0x3F));
    } else {
      put(0xF0 | (c >> 18));
      put(0x80 | ((c >> 12) & 0x3F));
      put(0x80 | ((c >> 6) & 0x3F));
      put(0x80 | (c & 0x3F));
    }
  }
  return out;
}

void drop_one_leading_space(std::u32string& value) {
  if (!value.empty() && value[0] == U' ') value.erase(0, 1);
}

// [W3C Trace Context 3.2 and 3.3] As regular expressions; an invalid parent is no trace, an invalid state is left out.
std::string trace_of(const std::string& parent, const std::string& state) {
  static const std::regex kParent(
      "(?!ff)(?!.{3}0{32})(?!.{36}0{16})(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|"
      "(?!00)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?)");
  static const std::regex kMember("[ \\t]*([a-z0-9][a-z0-9_*/@-]{0,255}=[ -+\\--<>-~]{0,255}[!-+\\--<>-~])?[ \\t]*");
  if (parent.size() > 128 || !std::regex_match(parent, kParent)) return "";
  std::size_t members = 0;
  for (std::size_t at = 0; at <= state.size() && state.size() <= 512;) {
    const std::size_t end = std::min(state.find(',', at), state.size());
    const std::string member = state.substr(at, end - at);
    if (!std::regex_match(member, kMember)) return parent;
    if (member.find('=') != std::string::npos) ++members;
    at = end + 1;
  }
  return trace_text(parent, members > 0 && members <= 32 ? state : "");
}

}  // namespace

ReferenceParser::ReferenceParser(std::string_view last_event_id) : last_event_id_string_(decode(last_event_id)) {}

std::string ReferenceParser::last_event_id() const {
  return encode(last_event_id_string_);
}

// [WHATWG 9.2.6] The three buffers belong to the stream. The last event ID buffer starts from the event source's
// string, as tests/fixtures/README.md explains.
Transcript ReferenceParser::read(std::string_view stream) {
  transcript_.clear();
  data_buffer_.clear();
  forget_fields();
  last_event_id_buffer_ = last_event_id_string_;

  // [WHATWG 9.2.5] A line ends at CR LF, at LF without CR before it, at CR without LF behind it.
  const std::u32string text = utf8_decode(stream);
  std::u32string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != U'\r' && text[i] != U'\n') {
      line += text[i];
      continue;
    }
    if (text[i] == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') ++i;
    process_line(line);
    line.clear();
  }
  // [WHATWG 9.2.6] At the end of the stream what is pending is discarded: the rest of a line, and a block without an
  // empty line behind it.
  return std::move(transcript_);
}

void ReferenceParser::process_line(const std::u32string& line) {
  if (line.empty()) {
    dispatch();
    return;
  }
  if (line[0] == U':') {
    std::u32string comment = line.substr(1);
    drop_one_leading_space(comment);
    transcript_.push_back(comment_entry(encode(comment)));  // the standard ignores it; a space less is our own choice
    return;
  }
  const std::size_t colon = line.find(U':');
  if (colon == std::u32string::npos) {
    process_field(line, U"");
    return;
  }
  std::u32string value = line.substr(colon + 1);
  drop_one_leading_space(value);
  process_field(line.substr(0, colon), value);
}

void ReferenceParser::process_field(const std::u32string& name, const std::u32string& value) {
  if (name == U"event") {
    event_type_buffer_ = value;
  } else if (name == U"topic") {
    topic_buffer_ = value;  // Millrace's own; no topic is empty
    while (topic_buffer_.starts_with(U'\t')) topic_buffer_.erase(0, 1);
  } else if (name == U"traceparent") {
    trace_parent_buffer_ = value;
  } else if (name == U"tracestate") {
    trace_state_buffer_ = value;
  } else if (name == U"data") {
    data_buffer_ += value;
    data_buffer_ += U'\n';
  } else if (name == U"id") {
    if (value.find(U'\0') == std::u32string::npos) last_event_id_buffer_ = value;
  } else if (name == U"retry") {
    if (value.empty()) return;  // no digits make no number
    for (const char32_t c : value) {
      if (c < U'0' || c > U'9') return;
    }
    std::u32string digits = value;
    while (digits.size() > 1 && digits[0] == U'0') digits.erase(0, 1);
    // 2147483647 has ten digits: more of them are more than it.
    const std::int64_t number = digits.size() > 10 ? INT64_MAX : std::stoll(encode(digits));
    transcript_.push_back(retry_entry(number < 2147483647 ? number : 2147483647));
  }
}

// [WHATWG 9.2.6, "dispatch the event"]
void ReferenceParser::dispatch() {
  last_event_id_string_ = last_event_id_buffer_;
  if (data_buffer_.empty()) {
    forget_fields();
    return;
  }
  data_buffer_.pop_back();  // which is an LF, always
  const std::u32string type = event_type_buffer_.empty() ? U"message" : event_type_buffer_;
  transcript_.push_back(event_entry(encode(type), encode(data_buffer_), last_event_id(),
                                    encode(topic_buffer_.substr(0, topic_buffer_.find(U'\t'))),
                                    trace_of(encode(trace_parent_buffer_), encode(trace_state_buffer_))));
  data_buffer_.clear();
  forget_fields();
}

void ReferenceParser::forget_fields() {
  event_type_buffer_.clear();
  topic_buffer_.clear();
  trace_parent_buffer_.clear();
  trace_state_buffer_.clear();
}

}  // namespace millrace::test
