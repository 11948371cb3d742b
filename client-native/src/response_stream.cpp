#include "response_stream.h"

#include <algorithm>
#include <cstring>

#include "millrace/core/limits.h"

namespace millrace {

ssize_t ResponseStream::read(char* out, size_t size) {
  if (size == 1) return read_line_byte(out);  // lines are read so; a last byte of content does no harm there
  if (begin_ == end_ && !fill()) return fill_result_;
  const std::size_t count = std::min(size, end_ - begin_);
  std::memcpy(out, buffer_.data() + begin_, count);
  begin_ += count;
  line_bytes_ = 0;
  return static_cast<ssize_t>(count);
}

bool ResponseStream::fill() {
  fill_result_ = connection_.read(buffer_.data(), buffer_.size());
  begin_ = 0;
  end_ = fill_result_ > 0 ? static_cast<std::size_t>(fill_result_) : 0;
  return fill_result_ > 0;
}

ssize_t ResponseStream::read_line_byte(char* out) {
  if (!escape_.empty()) {
    *out = escape_.front();
    escape_.remove_prefix(1);
    return 1;
  }
  if (begin_ == end_ && !fill()) return fill_result_;
  const char c = buffer_[begin_++];
  *out = c;

  const bool empty_line = c == '\n' && line_bytes_ <= 1;
  if (in_head_ && c == '%') escape_ = "25";
  line_bytes_ = c == '\n' ? 0 : line_bytes_ + 1 + escape_.size();
  if (line_bytes_ >= kMaxResponseLineBytes) {
    return refuse("a line of the response is longer than " + std::to_string(kMaxResponseLineBytes) + " bytes");
  }
  if (!in_head_) return 1;

  if (++head_bytes_ > kMaxResponseHeadBytes) {
    return refuse("the response's head is larger than " + std::to_string(kMaxResponseHeadBytes) + " bytes");
  }
  if (in_status_line_ && line_bytes_ > kMaxStatusLineBytes) {
    return refuse("the status line is longer than " + std::to_string(kMaxStatusLineBytes) + " bytes");
  }
  if (c == '\n') in_status_line_ = empty_line;  // after `100 Continue` comes another one
  return 1;
}

ssize_t ResponseStream::refuse(std::string violation) {
  violation_ = std::move(violation);
  return -1;
}

}  // namespace millrace
