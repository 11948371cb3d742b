// Batch: the events for a group of subscribers, in order, and their bytes in one piece.
//
// Most subscribers of a group get the same part of it. The bytes of that part are joined once, so that each subscriber
// needs only one plain send. One thread.
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

  /// The chunks of `part`, which is a part of frames() and not empty, in one piece; nothing if they are too large to be
  /// copied, or the form has none. Lives until add() or drop().
  std::string_view chunks(std::span<const FramePtr> part, WireForm form);

 private:
  // The chunks of the first frames.
  struct Chunks {
    std::string bytes;
    std::vector<std::size_t> ends;  // where in `bytes` each ends
  };

  Chunks& joined(WireForm form);

  std::vector<FramePtr> frames_;
  Chunks plain_;
  // Of the other forms, those that are asked for; they stay where they are. Null while none is.
  std::unique_ptr<std::deque<std::pair<WireForm, Chunks>>> others_;
};

}  // namespace millrace
