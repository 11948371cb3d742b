// ResponseReader: a response of HTTP/1.1, as everything in Millrace makes it, taken apart for a stream of HTTP/2: field
// sections, the body out of its framing, and its end. Pure.
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
    kHead,     ///< block() is that of the response
    kBody,     ///< body() is a piece of its body
  };

  /// `to_head`: the request's method is HEAD, and the response has no body.
  explicit ResponseReader(bool to_head) : to_head_(to_head) {}

  /// Drops from the front of `input` what it takes.
  Read next(std::string_view& input);

  /// In HPACK, valid until the next call; and so is the piece of the body.
  const std::string& block() const { return text_; }
  std::string_view body() const { return body_; }

  /// The head has come.
  bool has_head() const { return framing_ != Framing::kNone; }
  /// All has come. A response without a length, in no chunks, ends with its connection: that never is.
  bool is_done() const;
  /// Bytes of the body come as they are, and only the end of the connection ends them.
  bool is_plain() const { return framing_ == Framing::kUntilEnd; }
  /// Whether the body is whole, and this is the rest of what ends it.
  bool is_framing(std::string_view input) const;
  /// The bytes are not a response: the stream is to be cut.
  bool is_broken() const { return is_broken_; }

 private:
  enum class Framing : std::uint8_t { kNone, kLength, kChunks, kUntilEnd };

  Read take_head(std::string_view& input);
  Read take_body(std::string_view& input);
  void take_field(std::string_view name, std::string_view value, std::string& block);

  const bool to_head_;
  bool is_broken_ = false;
  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;  // of a body with a length
  std::optional<ChunkReader> chunks_;
  std::string head_;  // what has come of it
  std::string text_;
  std::string_view body_;
};

}  // namespace millrace
