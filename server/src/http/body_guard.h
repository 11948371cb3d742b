// BodyGuard: looks at the bytes of a request's body before cpp-httplib does, and stops what its old versions cannot
// take: sizes of chunks that are none, chunked bodies without end, and lines of a multipart body on which its regular
// expression would overflow the stack. SECURITY.md names the advisories. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "request_head.h"

namespace millrace {

class BodyGuard {
 public:
  /// `max_bytes`: of a chunked body, without its framing. A body with a length has been measured already.
  BodyGuard(const RequestHead& head, std::uint64_t max_bytes)
      : max_bytes_(max_bytes), is_multipart_(head.is_multipart), state_(head.chunked ? State::kSize : State::kPlain) {}

  /// The next bytes of the body, as they come off the wire. False, then and ever after, if they must not be passed on.
  bool admits(std::string_view bytes);

 private:
  enum class State : std::uint8_t {
    kPlain,      // no chunks
    kSize,       // digits of a chunk's size [RFC 9112 7.1]
    kExtension,  // behind them, to the end of the line
    kData,
    kDataEnd,  // the line end behind the data
    kTrailer,  // behind the last chunk: fields, which nobody reads
    kRefused,
  };

  bool admits_framing(char byte);
  bool admits_data(std::string_view data);

  const std::uint64_t max_bytes_;
  const bool is_multipart_;
  State state_;
  std::uint64_t size_ = 0;      // of the chunk
  std::uint64_t left_ = 0;      // of it
  std::uint64_t total_ = 0;     // of the chunks so far
  std::size_t line_bytes_ = 0;  // so far: of a size's line or the trailer
  std::size_t digits_ = 0;      // of the size
  // Of the line of a multipart body that is being read.
  std::size_t field_bytes_ = 0;
  bool may_be_field_ = true;
};

}  // namespace millrace
