// RequestBody: a request's body on its way from the wire to cpp-httplib. It removes the chunk framing, decodes the
// body, and bounds it as sent and as decoded, before it produces it. Pure: its input is passed in.
//
// A body that has a length and no encoding passes unchanged. Any other is passed on in Millrace's own chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "body_decoder.h"
#include "body_guard.h"
#include "millrace/server/limits.h"
#include "request_head.h"

namespace millrace {

/// Bytes of a body read, or decoded, at once.
inline constexpr std::size_t kBodyPieceBytes = 4 * 1024;
static_assert(kBodyPieceBytes < kMaxBodyBytes);

/// Why a body cannot be read.
enum class BodyFailure : std::uint8_t {
  kNone,
  kTooLarge,       ///< as sent, or as decoded
  kFraming,        ///< invalid chunks, or an endless line of a multipart body
  kCoding,         ///< invalid in its Content-Encoding
  kUnknownCoding,  ///< its Content-Encoding is not supported
  kEndedEarly,
  kTooSlow,
  kMemory,   ///< ServerOptions::http.max_buffered_bytes is used up
  kNoRoute,  ///< the path has no route
};

class RequestBody {
 public:
  /// Reads bytes from the wire: returns 0 at the end of the connection, a negative number on failure.
  using Source = std::function<std::ptrdiff_t(char* data, std::size_t size)>;

  explicit RequestBody(const RequestHead& head)
      : left_(head.content_length), chunks_(head.chunked ? std::optional<ChunkReader>(std::in_place) : std::nullopt) {}

  void decode_with(std::unique_ptr<BodyDecoder> decoder) { decoder_ = std::move(decoder); }
  void guard_multipart() { multipart_.emplace(); }
  /// Whether it is passed on in Millrace's own chunks.
  bool is_rechunked() const { return chunks_ || decoder_ != nullptr; }

  /// Reads the next bytes for cpp-httplib: returns 0 at the end, a negative number on failure. `max_bytes`: of the
  /// body, as sent and as decoded.
  std::ptrdiff_t read(char* data, std::size_t size, std::uint64_t max_bytes, const Source& source);

  /// Why read() has failed; kNone if the source has failed.
  BodyFailure failure() const { return failure_; }
  /// Whether all of it has been read from the wire.
  bool has_come() const { return chunks_ ? chunks_->is_done() : left_ == 0; }
  /// Bytes of the body that have been passed on.
  std::uint64_t handed_on() const { return handed_on_; }
  /// Bytes of memory that it holds.
  std::size_t memory() const { return decoder_ != nullptr ? decoder_->memory() : 0; }

 private:
  std::ptrdiff_t fail(BodyFailure failure);
  std::ptrdiff_t read_plain(char* data, std::size_t size, const Source& source);
  std::ptrdiff_t read_rechunked(char* data, std::size_t size, const Source& source);
  std::ptrdiff_t make_chunk(const Source& source);
  std::ptrdiff_t next_piece(char* data, std::size_t size, const Source& source);
  std::ptrdiff_t fetch(const Source& source);
  std::ptrdiff_t hand_on(const char* data, std::ptrdiff_t count);

  std::uint64_t max_bytes_ = 0;
  std::uint64_t left_;  // of a body with a length, on the wire
  std::optional<ChunkReader> chunks_;
  std::optional<MultipartGuard> multipart_;
  std::unique_ptr<BodyDecoder> decoder_;
  std::string encoded_;  // read from the wire, without its chunk framing
  std::size_t encoded_begin_ = 0;
  std::string chunk_;  // to pass on
  std::size_t chunk_begin_ = 0;
  bool is_last_chunk_ = false;
  std::uint64_t handed_on_ = 0;
  BodyFailure failure_ = BodyFailure::kNone;
};

}  // namespace millrace
