// BodyDecoder: decodes a body's Content-Encoding piece by piece. It never produces more than requested, however large a
// few bytes decode. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace millrace {

class BodyDecoder {
 public:
  /// For `coding`, as Content-Encoding names it; null if it is not supported.
  static std::unique_ptr<BodyDecoder> of(std::string_view coding);

  virtual ~BodyDecoder() = default;

  /// Decodes into `out`, and removes the bytes that it has read from `input`. Returns the bytes written; 0 if it needs
  /// more input, or is broken.
  virtual std::size_t decode(std::string_view& input, std::span<char> out) = 0;

  /// Whether the input is invalid in its encoding.
  bool is_broken() const { return broken_; }
  /// Whether the input may end here.
  virtual bool is_complete() const = 0;
  /// Bytes of memory that it holds.
  virtual std::size_t memory() const = 0;

 protected:
  bool broken_ = false;
};

}  // namespace millrace
