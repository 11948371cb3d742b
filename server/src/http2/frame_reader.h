// FrameReader: parses a connection's bytes, split anywhere, into HTTP/2 frames. Pure.
//
// It returns payloads of DATA and of unknown frames in pieces, as they arrive, and does not keep them. It returns all
// other payloads whole, and collects one that is split, up to kMaxFramePayload.
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
    kPiece,     ///< piece() is the next piece
    kTooLarge,  ///< a frame is larger than kMaxFramePayload; reading cannot continue
  };

  struct Piece {
    FrameHead head;
    std::string_view payload;  ///< valid until the next call
    bool is_first = true;
    bool is_last = true;  ///< the last piece of its frame
  };

  /// Reads from the front of `input`, and removes what it has read.
  Read next(std::string_view& input);
  const Piece& piece() const { return piece_; }

  /// Frees the memory of the last collected frame, which invalidates piece().
  void let_go();

  /// Whether a frame is incomplete.
  bool is_within_frame() const { return head_bytes_ > 0; }
  /// Memory that holds the incomplete frame.
  std::size_t held_bytes() const { return collected_.capacity(); }

 private:
  bool take_head(std::string_view& input);
  bool comes_in_pieces() const;
  Read take_piece(std::string_view& input);
  Read take_whole(std::string_view& input);
  void end_frame();

  std::array<char, kFrameHeadBytes> head_{};
  std::uint8_t head_bytes_ = 0;  // bytes of the head received
  bool is_first_ = true;
  std::uint32_t left_ = 0;  // bytes left of the payload
  std::string collected_;   // the payload of a split frame
  Piece piece_;
};

}  // namespace millrace
