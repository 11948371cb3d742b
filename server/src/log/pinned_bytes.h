// PinnedBytes: counts the bytes of events that have left the log but that readers have only partly received. They stay
// until the rest is sent. An event counts once, however many readers hold it. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "frame.h"

namespace millrace {

class PinnedBytes {
 public:
  explicit PinnedBytes(std::size_t max) : max_(max) {}

  /// A reader has been sent a part of the frame; release() follows when it has all of it, or is cut.
  void hold(const Frame& frame) {
    if (frame.pins_.fetch_add(1) == kGone) bytes_ += size(frame);
  }
  void release(const Frame& frame) {
    if (frame.pins_.fetch_sub(1) == kGone + 1) bytes_ -= size(frame);
  }

  /// The log no longer holds the frame, or never did. Call it once.
  void evict(const Frame& frame) {
    if (frame.pins_.fetch_or(kGone) > 0) bytes_ += size(frame);
  }

  /// A frame that no log will ever hold, before another thread has it.
  static void begin_gone(const Frame& frame) { frame.pins_ = kGone; }

  /// Whether a frame that a reader holds has left the log.
  static bool is_gone(const Frame& frame) { return (frame.pins_.load() & kGone) != 0; }

  std::size_t bytes() const { return bytes_; }
  std::size_t max() const { return max_; }

 private:
  // In Frame::pins_: a flag that the frame has left the log, and the number of readers that hold it.
  static constexpr std::uint32_t kGone = 0x8000'0000;

  static std::size_t size(const Frame& frame) { return frame.bytes.size(); }

  const std::size_t max_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace millrace
