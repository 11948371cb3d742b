// ContentDecoder: a response's body as it was before its Content-Encoding, piece by piece.
//
// libcurl would do it, but cannot be stopped in the middle: what one read of a compressed body becomes it keeps, up to
// 64 MiB, and beyond that the transfer fails. Here the next piece is made when the one before it has been taken, so
// that a reader who is slow holds the server back however well its stream compresses.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

class ContentDecoder {
 public:
  /// What a request says it takes, as Accept-Encoding.
  static std::string_view accepted();

  /// A response begins. False: its coding is not one that is read here; several one upon the other are not, either.
  bool begin(std::string_view content_encoding);
  /// Whether pieces are the bytes themselves.
  bool is_identity() const { return coding_ == nullptr; }

  /// The next piece of what `bytes` hold, which lose what has been read of them: at most kDecodedPieceBytes, valid
  /// until the next call, or the bytes themselves. Empty: more of them are wanted. Nothing: they are not what they
  /// should be.
  std::optional<std::string_view> next(std::string_view& bytes);

  class Coding {
   public:
    Coding() = default;
    virtual ~Coding() = default;
    Coding(const Coding&) = delete;
    Coding& operator=(const Coding&) = delete;
    /// Decodes into `room`, of `size` bytes, and takes away what it has read; the bytes written, or nothing as above.
    virtual std::optional<std::size_t> decode(std::string_view& bytes, char* room, std::size_t size) = 0;
  };

 private:
  std::unique_ptr<Coding> coding_;
  std::unique_ptr<char[]> piece_;
  bool has_more_ = false;  // the last piece was full: there may be more without another byte
};

}  // namespace millrace
