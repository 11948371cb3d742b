#include "body_guard.h"

#include <algorithm>

#include "field_text.h"

namespace millrace {

namespace {

// The one field that cpp-httplib looks at with a regular expression.
constexpr std::string_view kField = "content-disposition:";

// More than 15 digits are more than any body has, and could overflow.
constexpr std::size_t kMaxSizeDigits = 15;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool BodyGuard::admits(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::kRefused) {
    std::size_t count = 1;
    bool is_admitted = true;
    if (state_ == State::kPlain || state_ == State::kData) {
      count = state_ == State::kPlain ? bytes.size()
                                      : static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
      is_admitted = !is_multipart_ || admits_data(bytes.substr(0, count));
      if (state_ == State::kData && (left_ -= count) == 0) state_ = State::kDataEnd;
    } else {
      is_admitted = admits_framing(bytes.front());
    }
    if (!is_admitted) state_ = State::kRefused;
    bytes.remove_prefix(count);
  }
  return state_ != State::kRefused;
}

bool BodyGuard::admits_framing(char byte) {
  if (++line_bytes_ > kMaxRequestLineBytes) return false;
  switch (state_) {
    case State::kSize:
      if (const int digit = hex_digit(byte); digit >= 0) {
        size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
        return ++digits_ <= kMaxSizeDigits;
      }
      state_ = State::kExtension;
      return digits_ > 0 && (byte == ';' || byte == '\r');
    case State::kExtension:
      if (byte != '\n') return true;
      total_ += size_;
      left_ = size_;
      state_ = size_ > 0 ? State::kData : State::kTrailer;
      size_ = digits_ = line_bytes_ = 0;
      return total_ <= max_bytes_;
    case State::kDataEnd:
      if (byte == '\r' && line_bytes_ == 1) return true;
      line_bytes_ = 0;
      state_ = State::kSize;
      return byte == '\n';
    default:
      return true;
  }
}

// A line that begins like the field may not go on for ever.
bool BodyGuard::admits_data(std::string_view data) {
  for (const char byte : data) {
    if (byte == '\n') {
      field_bytes_ = 0;
      may_be_field_ = true;
    } else if (may_be_field_) {
      if (field_bytes_ < kField.size()) may_be_field_ = to_lower(byte) == kField[field_bytes_];
      if (++field_bytes_ > kMaxRequestLineBytes) return false;
    }
  }
  return true;
}

}  // namespace millrace
