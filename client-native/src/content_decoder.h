// ContentDecoder: decodes a response's body from its Content-Encoding, piece by piece.
//
// libcurl's own decoding cannot be paused in the middle: it buffers the output of one read, up to 64 MiB, and then the
// transfer fails. This decoder makes the next piece only when the previous one has been taken, so that a slow reader
// makes the server wait, however well the stream compresses.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

class ContentDecoder {
 public:
  /// The value of a request's Accept-Encoding.
  static std::string_view accepted();

  /// Begins a response. False: its coding is not supported; several codings together are not supported either.
  bool begin(std::string_view content_encoding);
  /// Whether the body is not encoded: pieces are the bytes themselves.
  bool is_identity() const { return coding_ == nullptr; }

  /// Decodes the next piece of `bytes`, and removes what it has read from them. A piece has at most kDecodedPieceBytes,
  /// and is valid until the next call; without a coding it is the bytes themselves. Empty: more bytes are needed.
  /// Nothing: the bytes are invalid.
  std::optional<std::string_view> next(std::string_view& bytes);

  class Coding {
   public:
    Coding() = default;
    virtual ~Coding() = default;
    Coding(const Coding&) = delete;
    Coding& operator=(const Coding&) = delete;
    /// Decodes into `room`, of `size` bytes, and removes what it has read. Returns the bytes written; nothing as above.
    virtual std::optional<std::size_t> decode(std::string_view& bytes, char* room, std::size_t size) = 0;
  };

 private:
  std::unique_ptr<Coding> coding_;
  std::unique_ptr<char[]> piece_;
  bool has_more_ = false;  // the last piece was full: there may be more output without more input
};

}  // namespace millrace
