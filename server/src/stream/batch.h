// Batch: the events for a group of subscribers in order, and their bytes in one piece.
//
// Most subscribers of a group get the same part of it. The batch joins the bytes of that part once, so that each
// subscriber needs only one plain send. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "log/frame.h"

namespace millrace {

class Batch {
 public:
  void add(FramePtr frame);

  /// Forgets the first `count` frames.
  void drop(std::size_t count);

  std::span<const FramePtr> frames() const { return frames_; }
  bool empty() const { return frames_.empty(); }

  /// The chunks of `part`, a non-empty part of frames(), in one piece; empty if they are too large to copy, or if the
  /// form has no chunks. Valid until add() or drop().
  std::string_view chunks(std::span<const FramePtr> part, WireForm form);

 private:
  // The joined chunks of the first frames.
  struct Chunks {
    std::string bytes;
    std::vector<std::size_t> ends;  // the end of each chunk in `bytes`
  };

  Chunks& joined(WireForm form);

  std::vector<FramePtr> frames_;
  Chunks plain_;
  // The chunks of other forms in use, at stable addresses. Null if none is in use.
  std::unique_ptr<std::deque<std::pair<WireForm, Chunks>>> others_;
};

}  // namespace millrace
