// ResponseReader: converts an HTTP/1.1 response, the form of all of Millrace's responses, for an HTTP/2 stream: field
// sections, the body without its framing, and the end. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/body_guard.h"

namespace millrace {

class ResponseReader {
 public:
  enum class Read : std::uint8_t {
    kMore,     ///< the input is used up
    kInterim,  ///< block() is the field section of an interim response (1xx)
    kHead,     ///< block() is the field section of the response
    kBody,     ///< body() is a piece of the body
  };

  /// `to_head`: the request's method is HEAD, and the response has no body.
  explicit ResponseReader(bool to_head) : to_head_(to_head) {}

  /// Reads from the front of `input`, and removes what it has read.
  Read next(std::string_view& input);

  /// The field section in HPACK. Like body(), valid until the next call.
  const std::string& block() const { return text_; }
  std::string_view body() const { return body_; }

  /// Whether the head has been read.
  bool has_head() const { return framing_ != Framing::kNone; }
  /// Whether the response is complete. Never true for a response without a length or chunks, which ends with its
  /// connection.
  bool is_done() const;
  /// Whether the body has no framing, and only the end of the connection ends it.
  bool is_plain() const { return framing_ == Framing::kUntilEnd; }
  /// Whether the body is complete, and `input` is the rest of its framing.
  bool is_framing(std::string_view input) const;
  /// Whether the bytes are not a valid response: reset the stream.
  bool is_broken() const { return is_broken_; }

 private:
  enum class Framing : std::uint8_t { kNone, kLength, kChunks, kUntilEnd };

  Read take_head(std::string_view& input);
  Read take_body(std::string_view& input);
  void take_field(std::string_view name, std::string_view value, std::string& block);

  const bool to_head_;
  bool is_broken_ = false;
  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;  // bytes left of a body with a length
  std::optional<ChunkReader> chunks_;
  std::string head_;  // the incomplete head
  std::string text_;
  std::string_view body_;
};

}  // namespace millrace
