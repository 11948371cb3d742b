#include "millrace/core/event_stream_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "line_end.h"
#include "millrace/core/protocol.h"
#include "utf8.h"

namespace millrace {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::uint8_t kByteOrderMarkDone = 0xFF;
constexpr std::string_view kDataField = "data:";

// The names of fields_, in the order of Field.
constexpr std::string_view kFieldNames[] = {"event", protocol::kTopicField, protocol::kTraceParentField,
                                            protocol::kTraceStateField};

// Code that is only for speed is left out of the module for browsers, which must load each byte of code, and where a
// call from JavaScript costs far more.
#if defined(__wasm__)
constexpr bool kIsForSpeed = false;
#else
constexpr bool kIsForSpeed = true;
#endif

// Chunks from this size on are checked for ASCII as a whole, smaller ones value by value.
constexpr std::size_t kWorthAskingBytes = 64;

// Saturates at kMaxReconnectionTime, however many digits there are. Nothing if any is not an ASCII digit.
std::optional<Duration> parse_retry(std::string_view value) {
  if (value.empty()) return std::nullopt;
  Duration::rep milliseconds = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return std::nullopt;
    milliseconds = milliseconds * 10 + (c - '0');
    if (milliseconds > kMaxReconnectionTime.count()) milliseconds = kMaxReconnectionTime.count();
  }
  return Duration{milliseconds};
}

// Returns `text`, or its repaired copy in `buffer` if it is not valid UTF-8. Only ASCII ends a line or a field's name,
// so decoding value by value equals decoding the whole stream.
std::string_view decoded(std::string_view text, ByteBuffer& buffer) {
  if (utf8::is_ascii(text) || utf8::is_valid(text)) return text;
  buffer.clear();
  utf8::append_decoded(text, buffer);
  return buffer.view();
}

// Compares words: in WebAssembly a comparison of so few bytes would be a call.
bool is_data_line(std::string_view line) {
  if (line.size() < kDataField.size() || line[4] != ':') return false;
  std::uint32_t name;
  std::uint32_t data;
  std::memcpy(&name, line.data(), sizeof name);
  std::memcpy(&data, kDataField.data(), sizeof data);
  return name == data;
}

// Removes the one space that may be between the colon and the value.
std::string_view without_leading_space(std::string_view value) {
  if (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

// Whether an `id` field, and a header, can carry it. [WHATWG 9.2.6]
bool is_event_id(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// No topic is empty: a tab that separates nothing is left out. (core.ts does it in fewer bytes, as it splits them.)
void set_topics(std::string_view value, ByteBuffer& topics) {
  topics.clear();
  while (!value.empty()) {
    const std::size_t end = std::min(value.find('\t'), value.size());
    if (end > 0 && !topics.empty()) topics.append("\t");
    topics.append(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

}  // namespace

EventStreamParser::EventStreamParser(std::string_view last_event_id, std::size_t max_event_bytes)
    : max_event_bytes_(max_event_bytes) {
  set_last_event_id(last_event_id);
}

void EventStreamParser::reset() {
  position_ = chunk_end_ = nullptr;
  partial_line_.clear();
  line_is_data_ = false;
  skip_line_feed_ = false;
  byte_order_mark_ = 0;
  forget_block();
  last_event_id_changed_ = false;  // forgets an `id` whose block did not end
  too_large_ = false;
}

void EventStreamParser::set_last_event_id(std::string_view id) {
  if (!is_event_id(id)) return;
  last_event_id_.assign(id);
  last_event_id_changed_ = false;
  ++last_event_id_changes_;
}

void EventStreamParser::feed(std::string_view chunk) {
  position_ = chunk.data();
  chunk_end_ = position_ + chunk.size();
  chunk_is_ascii_ = chunk.size() >= kWorthAskingBytes && utf8::is_ascii(chunk);
}

EventStreamParser::Item EventStreamParser::next() {
  if (too_large_) return Item::kTooLarge;
  if constexpr (kIsForSpeed) {
    if (line_is_data_ && chunk_end_ - position_ == 1 && !is_line_end(*position_)) return take_byte_of_data();
  }
  return read_lines();
}

// Input byte by byte is mostly the middle of a value: this is the shortest path for it.
EventStreamParser::Item EventStreamParser::take_byte_of_data() {
  data_is_ascii_ = false;
  *data_buffer_.room_for(1) = *position_++;
  data_buffer_.add_written(1);
  too_large_ = data_buffer_.size() > data_limit_;
  return too_large_ ? Item::kTooLarge : Item::kNeedMore;
}

EventStreamParser::Item EventStreamParser::read_lines() {
  if (dispatched_) forget_block();
  if (byte_order_mark_ != kByteOrderMarkDone) skip_byte_order_mark();

  while (position_ != chunk_end_) {
    if (skip_line_feed_) {
      skip_line_feed_ = false;
      if (*position_ == '\n') {
        ++position_;
        continue;
      }
    }
    const char* const line_end = find_line_end(position_, chunk_end_);
    if (line_end == chunk_end_) {
      keep_partial_line();
      break;
    }
    const std::string_view rest(position_, static_cast<std::size_t>(line_end - position_));
    skip_line_feed_ = *line_end == '\r';
    position_ = line_end + 1;
    const Item item = end_line(rest);
    too_large_ = item == Item::kTooLarge;
    if (item != Item::kNeedMore) return item;
  }
  if (data_in_chunk_.data() != nullptr) own_data();
  return too_large_ ? Item::kTooLarge : Item::kNeedMore;
}

// [WHATWG 9.2.5] One leading BOM is not part of the stream; its bytes may come in different chunks.
void EventStreamParser::skip_byte_order_mark() {
  while (position_ != chunk_end_) {
    if (*position_ != kByteOrderMark[byte_order_mark_]) {
      partial_line_.assign(kByteOrderMark.substr(0, byte_order_mark_));  // it was text after all
      byte_order_mark_ = kByteOrderMarkDone;
      return;
    }
    ++position_;
    if (++byte_order_mark_ == kByteOrderMark.size()) {
      byte_order_mark_ = kByteOrderMarkDone;
      return;
    }
  }
}

// `rest` is what the chunk adds to the line that ends here.
EventStreamParser::Item EventStreamParser::end_line(std::string_view rest) {
  if (line_is_data_) {
    line_is_data_ = false;
    return append_to_line(rest);
  }
  if (partial_line_.empty()) return process_line(rest, true);
  partial_line_.append(rest);
  line_.swap(partial_line_);
  partial_line_.clear();
  return process_line(line_.view(), false);
}

void EventStreamParser::keep_partial_line() {
  const std::string_view text(position_, static_cast<std::size_t>(chunk_end_ - position_));
  position_ = chunk_end_;
  if (line_is_data_) {
    too_large_ = append_to_line(text) == Item::kTooLarge;
    return;
  }
  const bool begins_here = partial_line_.empty();
  if (!begins_here) partial_line_.append(text);
  const std::string_view line = begins_here ? text : partial_line_.view();
  too_large_ = line.size() > max_event_bytes_;
  // The byte behind the colon says whether there is a space to remove.
  if (!too_large_ && line.size() > kDataField.size() && line.starts_with(kDataField)) {
    line_is_data_ = true;
    const std::string_view value = without_leading_space(line.substr(kDataField.size()));
    too_large_ = append_data(value, kIsForSpeed && begins_here) == Item::kTooLarge;
    if (kIsForSpeed && data_in_chunk_.data() != nullptr) own_data();
    data_limit_ = std::min(max_event_bytes_, data_buffer_.size() + max_event_bytes_ - line.size());
    partial_line_.clear();
  } else if (begins_here) {
    partial_line_.assign(text);
  }
}

EventStreamParser::Item EventStreamParser::append_to_line(std::string_view text) {
  if constexpr (kIsForSpeed) data_is_ascii_ = data_is_ascii_ && chunk_is_ascii_;
  data_buffer_.append(text);
  return data_buffer_.size() > data_limit_ ? Item::kTooLarge : Item::kNeedMore;
}

// [WHATWG 9.2.6] "Process the lines". `in_chunk`: the line lies in the chunk and need not be copied.
EventStreamParser::Item EventStreamParser::process_line(std::string_view line, bool in_chunk) {
  if (line.empty()) return dispatch();
  if (line.size() > max_event_bytes_) return Item::kTooLarge;
  // Most lines are `data` lines: no search for the colon, no comparison of names.
  if (is_data_line(line)) return append_data(without_leading_space(line.substr(kDataField.size())), in_chunk);
  std::size_t colon = 0;  // names are short: no call for a search
  while (colon != line.size() && line[colon] != ':') ++colon;
  if (colon == 0) {
    comment_ = decoded(without_leading_space(line.substr(1)), decoded_);
    return Item::kComment;
  }
  if (colon == line.size()) return process_field(line, {}, in_chunk);
  return process_field(line.substr(0, colon), without_leading_space(line.substr(colon + 1)), in_chunk);
}

// [WHATWG 9.2.6] "Process the field". Names are case-sensitive.
EventStreamParser::Item EventStreamParser::process_field(std::string_view name, std::string_view value, bool in_chunk) {
  if (name == "data") return append_data(value, in_chunk);
  if (name == "id") {
    if (value.find('\0') == std::string_view::npos) {
      last_event_id_buffer_.assign(in_chunk && chunk_is_ascii_ ? value : decoded(value, decoded_));
      last_event_id_changed_ = true;
    }
  } else if (name == "retry") {
    if (const auto retry = parse_retry(value)) {
      reconnection_time_ = *retry;
      return Item::kRetry;
    }
  } else {
    keep_field(name, value);
  }
  return Item::kNeedMore;
}

void EventStreamParser::keep_field(std::string_view name, std::string_view value) {
  for (std::size_t field = 0; field != kFields; ++field) {
    if (name != kFieldNames[field]) continue;
    const std::string_view text = decoded(value, decoded_);
    if (kIsForSpeed && field == kTopics) {
      set_topics(text, fields_[field]);
    } else {
      fields_[field].assign(text);
    }
  }
}

// Most events have one line, and it is not copied: this path must be short.
EventStreamParser::Item EventStreamParser::append_data(std::string_view value, bool in_chunk) {
  if (data_lines_ > 0 || !in_chunk) return append_line_of_data(value, in_chunk);
  data_in_chunk_ = value;
  data_lines_ = 1;
  return Item::kNeedMore;
}

// The standard appends an LF to each line and removes the last one; this writes it between lines.
EventStreamParser::Item EventStreamParser::append_line_of_data(std::string_view value, bool in_chunk) {
  if (data_in_chunk_.data() != nullptr) own_data();
  if (data_lines_ > 0) data_buffer_.append("\n");
  data_buffer_.append(value);
  // It is unknown whether earlier chunks were ASCII.
  if constexpr (kIsForSpeed) data_is_ascii_ = (data_is_ascii_ || data_lines_ == 0) && in_chunk && chunk_is_ascii_;
  ++data_lines_;
  return data_buffer_.size() > max_event_bytes_ ? Item::kTooLarge : Item::kNeedMore;
}

// [WHATWG 9.2.6] "Dispatch the event".
EventStreamParser::Item EventStreamParser::dispatch() {
  // Copies only a changed ID, so that a long ID does not cost its length at every later event.
  if (last_event_id_changed_) {
    last_event_id_.swap(last_event_id_buffer_);
    ++last_event_id_changes_;
  }
  const bool has_id = std::exchange(last_event_id_changed_, false);
  if (data_lines_ == 0) {
    forget_fields();
    return Item::kNeedMore;
  }
  const bool in_chunk = data_in_chunk_.data() != nullptr;
  const std::string_view data = in_chunk ? data_in_chunk_ : data_buffer_.view();
  const std::string_view topics = fields_[kTopics].view();
  event_.type = fields_[kEventType].empty() ? protocol::kDefaultEventType : fields_[kEventType].view();
  event_.data = (in_chunk ? chunk_is_ascii_ : kIsForSpeed && data_is_ascii_) ? data : decoded(data, decoded_);
  event_.last_event_id = last_event_id_.view();
  event_.has_id = has_id;
  event_.topics = topics;
  if constexpr (kIsForSpeed) event_.topic = topics.substr(0, topics.find('\t'));  // core.ts takes it from the topics
  event_.trace = kIsForSpeed && fields_[kTraceParent].empty() ? TraceContext() : trace();
  dispatched_ = true;
  return Item::kEvent;
}

TraceContext EventStreamParser::trace() const {
  const std::string_view parent = fields_[kTraceParent].view();
  const std::string_view state = fields_[kTraceState].view();
  if constexpr (!kIsForSpeed) return {parent, state};  // core.ts checks them, in fewer bytes
  return TraceContext::parse(parent, state).value_or(TraceContext());
}

void EventStreamParser::forget_block() {
  dispatched_ = false;
  data_buffer_.clear();
  data_in_chunk_ = {};
  data_lines_ = 0;
  forget_fields();
}

void EventStreamParser::forget_fields() {
  for (ByteBuffer& field : fields_) field.clear();
}

// The chunk ends, or more lines follow: copies the data into the buffer.
void EventStreamParser::own_data() {
  data_buffer_.assign(data_in_chunk_);
  if constexpr (kIsForSpeed) data_is_ascii_ = chunk_is_ascii_;
  data_in_chunk_ = {};
}

}  // namespace millrace
