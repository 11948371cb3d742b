#include "request_body.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace millrace {

std::ptrdiff_t RequestBody::fail(BodyFailure failure) {
  failure_ = failure;
  return -1;
}

std::ptrdiff_t RequestBody::read(char* data, std::size_t size, std::uint64_t max_bytes, const Source& source) {
  if (failure_ != BodyFailure::kNone) return -1;
  max_bytes_ = max_bytes;
  if (left_ > max_bytes_) return fail(BodyFailure::kTooLarge);
  return is_rechunked() ? read_rechunked(data, size, source) : read_plain(data, size, source);
}

std::ptrdiff_t RequestBody::read_plain(char* data, std::size_t size, const Source& source) {
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, left_));
  if (size == 0) return 0;
  const std::ptrdiff_t count = source(data, size);
  if (count == 0) return fail(BodyFailure::kEndedEarly);
  if (count < 0) return -1;
  assert(static_cast<std::uint64_t>(count) <= left_);
  left_ -= static_cast<std::uint64_t>(count);
  return hand_on(data, count);
}

std::ptrdiff_t RequestBody::read_rechunked(char* data, std::size_t size, const Source& source) {
  if (chunk_begin_ == chunk_.size()) {
    if (is_last_chunk_) return 0;
    if (make_chunk(source) < 0) return -1;
  }
  const std::size_t count = chunk_.copy(data, size, chunk_begin_);
  chunk_begin_ += count;
  return static_cast<std::ptrdiff_t>(count);
}

std::ptrdiff_t RequestBody::make_chunk(const Source& source) {
  assert(chunk_begin_ == chunk_.size() && !is_last_chunk_);
  std::array<char, kBodyPieceBytes> piece;
  const std::ptrdiff_t count = next_piece(piece.data(), piece.size(), source);
  if (count < 0 || hand_on(piece.data(), count) < 0) return -1;
  std::array<char, 16> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), count, 16).ptr;
  chunk_.assign(digits.data(), static_cast<std::size_t>(end - digits.data()));
  chunk_.append("\r\n").append(piece.data(), static_cast<std::size_t>(count)).append("\r\n");
  chunk_begin_ = 0;
  is_last_chunk_ = count == 0;
  return count;
}

// Returns bytes of the decoded body; 0 at its end.
std::ptrdiff_t RequestBody::next_piece(char* data, std::size_t size, const Source& source) {
  while (true) {
    std::string_view encoded = std::string_view(encoded_).substr(encoded_begin_);
    std::size_t count = 0;
    if (decoder_ != nullptr) {
      count = decoder_->decode(encoded, {data, size});
    } else {
      count = encoded.copy(data, size);
      encoded.remove_prefix(count);
    }
    encoded_begin_ = encoded_.size() - encoded.size();
    assert(count <= size);
    if (count > 0) return static_cast<std::ptrdiff_t>(count);
    if (decoder_ != nullptr && decoder_->is_broken()) return fail(BodyFailure::kCoding);
    if (!encoded.empty()) continue;
    const std::ptrdiff_t fetched = fetch(source);
    if (fetched < 0) return -1;
    if (fetched == 0) return decoder_ == nullptr || decoder_->is_complete() ? 0 : fail(BodyFailure::kCoding);
  }
}

// Reads more of the encoded body; returns 0 at its end.
std::ptrdiff_t RequestBody::fetch(const Source& source) {
  std::array<char, kBodyPieceBytes> raw;
  encoded_.clear();
  encoded_begin_ = 0;
  while (encoded_.empty()) {
    if (has_come()) return 0;
    const std::size_t size =
        chunks_ ? raw.size() : static_cast<std::size_t>(std::min<std::uint64_t>(raw.size(), left_));
    const std::ptrdiff_t count = source(raw.data(), size);
    if (count == 0) return fail(BodyFailure::kEndedEarly);
    if (count < 0) return -1;
    const std::string_view bytes(raw.data(), static_cast<std::size_t>(count));
    if (!chunks_) {
      assert(bytes.size() <= left_);
      left_ -= bytes.size();
      encoded_.assign(bytes);
    } else if (!chunks_->read(bytes, encoded_)) {
      return fail(BodyFailure::kFraming);
    } else if (chunks_->announced() > max_bytes_) {
      return fail(BodyFailure::kTooLarge);
    }
  }
  return static_cast<std::ptrdiff_t>(encoded_.size());
}

std::ptrdiff_t RequestBody::hand_on(const char* data, std::ptrdiff_t count) {
  const std::string_view bytes(data, static_cast<std::size_t>(count));
  handed_on_ += bytes.size();
  if (handed_on_ > max_bytes_) return fail(BodyFailure::kTooLarge);
  if (multipart_ && !multipart_->admits(bytes)) return fail(BodyFailure::kFraming);
  return count;
}

}  // namespace millrace
