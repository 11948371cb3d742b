// BodyDecoder: decodes a body's Content-Encoding piece by piece. It never produces more than requested, however much a
// few bytes decode to. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace millrace {

class BodyDecoder {
 public:
  /// For `coding`, as Content-Encoding names it; null if it is none that is decoded here.
  static std::unique_ptr<BodyDecoder> of(std::string_view coding);

  virtual ~BodyDecoder() = default;

  /// Decodes into `out`, and drops from the front of `input` what it has taken. Returns the bytes written; 0 if it
  /// wants more input, or is broken.
  virtual std::size_t decode(std::string_view& input, std::span<char> out) = 0;

  /// The input is not encoded as it claims to be.
  bool is_broken() const { return broken_; }
  /// The input may end here.
  virtual bool is_complete() const = 0;
  /// Bytes it holds.
  virtual std::size_t memory() const = 0;

 protected:
  bool broken_ = false;
};

}  // namespace millrace
