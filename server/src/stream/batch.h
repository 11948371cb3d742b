// Batch: the events that a group of subscribers is to be handed, in order, and their bytes in one piece.
//
// Most of a group's subscribers get the same part of it. Putting that part's bytes together once, and not for each of
// them, leaves one plain send for each. One thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frame.h"

namespace millrace {

class Batch {
 public:
  void add(FramePtr frame);

  /// Forgets the first `count` frames.
  void drop(std::size_t count);

  std::span<const FramePtr> frames() const { return frames_; }
  bool empty() const { return frames_.empty(); }

  /// The chunks of `part`, which is a part of frames() and not empty, in one piece; nothing if they are too large to be
  /// copied. Lives until add() or drop().
  std::string_view chunks(std::span<const FramePtr> part);

 private:
  std::vector<FramePtr> frames_;
  std::string joined_;             // the chunks of the first ends_.size() frames
  std::vector<std::size_t> ends_;  // where in joined_ each ends
};

}  // namespace millrace
