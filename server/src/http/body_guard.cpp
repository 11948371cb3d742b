#include "body_guard.h"

#include <algorithm>
#include <cassert>

#include "field_text.h"

namespace millrace {

namespace {

// The only field that cpp-httplib reads with a regular expression.
constexpr std::string_view kField = "content-disposition:";

// No body needs more than 15 digits, and more could overflow.
constexpr std::size_t kMaxSizeDigits = 15;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool ChunkReader::read(std::string_view bytes, std::string& data) {
  while (!bytes.empty() && state_ != State::kBroken && state_ != State::kDone) {
    std::size_t count = 1;
    if (state_ == State::kData) {
      count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
      data.append(bytes.substr(0, count));
      assert(left_ > 0);
      if ((left_ -= count) == 0) state_ = State::kDataCr;
    } else {
      state_ = ++line_bytes_ > kMaxRequestLineBytes ? State::kBroken : after(bytes.front());
    }
    bytes.remove_prefix(count);
  }
  return state_ != State::kBroken;
}

ChunkReader::State ChunkReader::after(char byte) {
  switch (state_) {
    case State::kSize:
      return after_size(byte);
    case State::kExtension:
      if (byte == '\r') return State::kSizeLf;
      return is_text(byte) ? State::kExtension : State::kBroken;
    case State::kSizeLf:
      if (byte != '\n') return State::kBroken;
      total_ += size_;
      left_ = size_;
      size_ = digits_ = line_bytes_ = 0;
      return left_ > 0 ? State::kData : State::kTrailerName;
    case State::kDataCr:
      return byte == '\r' ? State::kDataLf : State::kBroken;
    case State::kDataLf:
      line_bytes_ = 0;
      return byte == '\n' ? State::kSize : State::kBroken;
    case State::kTrailerName:
      return after_trailer_name(byte);
    case State::kTrailerValue:
      if (byte == '\r') return State::kTrailerLf;
      return is_text(byte) ? State::kTrailerValue : State::kBroken;
    case State::kTrailerLf:
      name_bytes_ = 0;
      return byte == '\n' ? State::kTrailerName : State::kBroken;
    case State::kLastLf:
      return byte == '\n' ? State::kDone : State::kBroken;
    default:
      return State::kBroken;
  }
}

ChunkReader::State ChunkReader::after_size(char byte) {
  if (const int digit = hex_digit(byte); digit >= 0) {
    size_ = size_ * 16 + static_cast<std::uint64_t>(digit);
    return ++digits_ <= kMaxSizeDigits ? State::kSize : State::kBroken;
  }
  if (digits_ == 0) return State::kBroken;
  if (byte == '\r') return State::kSizeLf;
  return byte == ';' ? State::kExtension : State::kBroken;
}

ChunkReader::State ChunkReader::after_trailer_name(char byte) {
  if (byte == '\r' && name_bytes_ == 0) return State::kLastLf;
  if (byte == ':' && name_bytes_ > 0) return State::kTrailerValue;
  ++name_bytes_;
  return is_token_character(byte) ? State::kTrailerName : State::kBroken;
}

// Bounds each line that begins like the field.
bool MultipartGuard::admits(std::string_view data) {
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
