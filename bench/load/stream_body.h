// StreamBody: the event stream in an HTTP/1.1 response. Checks the head, removes the chunk framing [RFC 9112 7.1], and
// decompresses. Bytes may be split anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "inflater.h"

namespace millrace::load {

class StreamBody {
 public:
  enum class State : std::uint8_t {
    kHead,      ///< the head is incomplete
    kOpen,      ///< the body continues
    kRefused,   ///< the response is not an event stream
    kFinished,  ///< the body has ended, or its framing is broken
  };

  using Sink = std::function<void(std::string_view)>;

  /// Passes the body's new bytes to `sink`.
  State read(std::string_view bytes, const Sink& sink);

 private:
  void take_head(std::string_view& bytes);
  void take_chunked(std::string_view bytes, const Sink& sink);
  void emit(std::string_view bytes, const Sink& sink);

  enum class Chunk : std::uint8_t { kSize, kSizeEnd, kData, kDataEnd };

  State state_ = State::kHead;
  bool chunked_ = false;
  Chunk chunk_ = Chunk::kSize;
  std::uint64_t left_ = 0;  // of the chunk
  std::string head_;
  std::unique_ptr<Inflater> inflater_;
};

}  // namespace millrace::load
