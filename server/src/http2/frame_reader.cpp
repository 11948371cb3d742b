#include "frame_reader.h"

#include <algorithm>

namespace millrace {

FrameReader::Read FrameReader::next(std::string_view& input) {
  if (head_bytes_ < kFrameHeadBytes) {
    if (!take_head(input)) return Read::kMore;
    if (piece_.head.length > kMaxFramePayload) return Read::kTooLarge;
  }
  return comes_in_pieces() ? take_piece(input) : take_whole(input);
}

bool FrameReader::take_head(std::string_view& input) {
  const std::size_t count = std::min(kFrameHeadBytes - head_bytes_, input.size());
  input.copy(head_.data() + head_bytes_, count);
  input.remove_prefix(count);
  head_bytes_ = static_cast<std::uint8_t>(head_bytes_ + count);
  if (head_bytes_ < kFrameHeadBytes) return false;
  const std::string_view head(head_.data(), head_.size());
  piece_.head = {.length = read_24(head),
                 .type = static_cast<FrameType>(byte_at(head, 3)),
                 .flags = static_cast<std::uint8_t>(byte_at(head, 4)),
                 .stream = read_32(head, 5) & 0x7fff'ffff};
  left_ = piece_.head.length;
  is_first_ = true;
  return true;
}

bool FrameReader::comes_in_pieces() const {
  return piece_.head.type == FrameType::kData || piece_.head.type > FrameType::kContinuation;
}

FrameReader::Read FrameReader::take_piece(std::string_view& input) {
  if (input.empty() && left_ > 0) return Read::kMore;
  piece_.payload = input.substr(0, left_);
  input.remove_prefix(piece_.payload.size());
  left_ -= static_cast<std::uint32_t>(piece_.payload.size());
  piece_.is_first = is_first_;
  piece_.is_last = left_ == 0;
  is_first_ = false;
  if (piece_.is_last) end_frame();
  return Read::kPiece;
}

FrameReader::Read FrameReader::take_whole(std::string_view& input) {
  if (is_first_) collected_.clear();
  is_first_ = false;
  const std::string_view part = input.substr(0, left_);
  input.remove_prefix(part.size());
  left_ -= static_cast<std::uint32_t>(part.size());
  const bool is_uncut = part.size() == piece_.head.length;
  if (!is_uncut) collected_.append(part);
  if (left_ > 0) return Read::kMore;
  piece_.payload = is_uncut ? part : std::string_view(collected_);
  piece_.is_first = piece_.is_last = true;
  end_frame();
  return Read::kPiece;
}

void FrameReader::end_frame() {
  head_bytes_ = 0;
}

void FrameReader::let_go() {
  if (!is_within_frame()) std::string().swap(collected_);
}

}  // namespace millrace
