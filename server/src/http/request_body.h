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

#include "body_decoder.h"
#include "body_guard.h"
#include "request_head.h"

namespace millrace {

/// Why a body is not to be had.
enum class BodyFailure : std::uint8_t {
  kNone,
  kTooLarge,       ///< as it is sent, or decoded
  kFraming,        ///< no chunks, or a line of a multipart body without end
  kCoding,         ///< not encoded as Content-Encoding says
  kUnknownCoding,  ///< encoded in a way that is not undone here
  kEndedEarly,
  kTooSlow,
  kMemory,   ///< no room for it among all that is under way
  kNoRoute,  ///< nobody would take it
};

class RequestBody {
 public:
  /// Bytes off the wire: 0 at the end of the connection, negative if there are none to be had.
  using Source = std::function<std::ptrdiff_t(char* data, std::size_t size)>;

  explicit RequestBody(const RequestHead& head)
      : left_(head.content_length), chunks_(head.chunked ? std::optional<ChunkReader>(std::in_place) : std::nullopt) {}

  void decode_with(std::unique_ptr<BodyDecoder> decoder) { decoder_ = std::move(decoder); }
  void guard_multipart() { multipart_.emplace(); }
  /// Handed on in chunks.
  bool is_rechunked() const { return chunks_ || decoder_ != nullptr; }

  /// The next bytes for cpp-httplib: 0 behind the end, negative if there are none to be had. `max_bytes`: of the body,
  /// sent and decoded.
  std::ptrdiff_t read(char* data, std::size_t size, std::uint64_t max_bytes, const Source& source);

  /// Why there are none; kNone if the source had none.
  BodyFailure failure() const { return failure_; }
  /// All of it has come off the wire.
  bool has_come() const { return chunks_ ? chunks_->is_done() : left_ == 0; }
  /// Bytes of the body that have been handed on.
  std::uint64_t handed_on() const { return handed_on_; }
  /// Bytes that it holds.
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
  std::string encoded_;  // off the wire and out of its chunks
  std::size_t encoded_begin_ = 0;
  std::string chunk_;  // to be handed on
  std::size_t chunk_begin_ = 0;
  bool is_last_chunk_ = false;
  std::uint64_t handed_on_ = 0;
  BodyFailure failure_ = BodyFailure::kNone;
};

}  // namespace millrace
