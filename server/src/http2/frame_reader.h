// FrameReader: takes a connection's bytes, cut anywhere, apart into frames of HTTP/2. Pure.
//
// Payloads of DATA and of unknown frames come in pieces, as they arrive, and are not kept. Those of all others come
// whole; one that is cut is collected, up to kMaxFramePayload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http2_frame.h"

namespace millrace {

class FrameReader {
 public:
  enum class Read : std::uint8_t {
    kMore,      ///< the input is used up
    kPiece,     ///< piece() is the next
    kTooLarge,  ///< a frame is larger than kMaxFramePayload; nothing can follow
  };

  struct Piece {
    FrameHead head;
    std::string_view payload;  ///< valid until the next call
    bool is_first = true;
    bool is_last = true;  ///< of its frame
  };

  /// Drops from the front of `input` what it takes.
  Read next(std::string_view& input);
  const Piece& piece() const { return piece_; }

  /// Gives back what the last frame was collected in; piece() is not valid any more.
  void let_go();

  /// Some of a frame has come, but not all.
  bool is_within_frame() const { return head_bytes_ > 0; }
  /// Bytes of memory that hold it.
  std::size_t held_bytes() const { return collected_.capacity(); }

 private:
  bool take_head(std::string_view& input);
  bool comes_in_pieces() const;
  Read take_piece(std::string_view& input);
  Read take_whole(std::string_view& input);
  void end_frame();

  std::array<char, kFrameHeadBytes> head_{};
  std::uint8_t head_bytes_ = 0;  // that have come
  bool is_first_ = true;
  std::uint32_t left_ = 0;  // of the payload
  std::string collected_;   // of one that is cut
  Piece piece_;
};

}  // namespace millrace
