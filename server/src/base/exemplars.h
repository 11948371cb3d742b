// Exemplars: of each bucket of a histogram, the newest value that was measured in a trace.
//
// One thread writes, and waits for nobody. A reader that meets a write reads again, and in the end goes without.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/core/trace_context.h"

namespace millrace {

/// A trace's ID, of 128 bits. [W3C Trace Context 3.2.2.3]
struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  /// 32 hexadecimal digits.
  std::string text() const;
};

/// The ID of a trace that is recorded, as its flags say; of others an operator would find nothing. [3.2.2.5.1]
std::optional<TraceId> sampled_trace(TraceContext trace);

struct Exemplar {
  TraceId trace;
  std::uint64_t value = 0;
  std::uint64_t time = 0;  ///< when it was measured, in milliseconds since 1970
};

/// Now, as Exemplar::time has it.
std::uint64_t wall_clock();

template <std::size_t kBuckets>
class Exemplars {
 public:
  /// Replaces the bucket's exemplar. The writing thread.
  void keep(std::size_t bucket, const Exemplar& exemplar) {
    Slot& slot = slots_[bucket];
    const std::uint32_t version = slot.version.load(std::memory_order_relaxed);
    slot.version.store(version + 1, std::memory_order_relaxed);
    // A reader that sees one of these also sees that a write has begun.
    slot.high.store(exemplar.trace.high, std::memory_order_release);
    slot.low.store(exemplar.trace.low, std::memory_order_release);
    slot.value.store(exemplar.value, std::memory_order_release);
    slot.time.store(exemplar.time, std::memory_order_release);
    slot.version.store(version + 2, std::memory_order_release);
  }

  /// The bucket's exemplar; nothing if the bucket has no exemplar, or if it is replaced all the time. Any thread.
  std::optional<Exemplar> of(std::size_t bucket) const {
    constexpr int kAttempts = 8;
    const Slot& slot = slots_[bucket];
    for (int i = 0; i < kAttempts; ++i) {
      const std::uint32_t version = slot.version.load(std::memory_order_acquire);
      if (version == 0) return std::nullopt;
      const Exemplar read{
          .trace = {.high = slot.high.load(std::memory_order_acquire), .low = slot.low.load(std::memory_order_acquire)},
          .value = slot.value.load(std::memory_order_acquire),
          .time = slot.time.load(std::memory_order_acquire)};
      if (version % 2 == 0 && slot.version.load(std::memory_order_relaxed) == version) return read;
    }
    return std::nullopt;
  }

 private:
  struct Slot {
    std::atomic<std::uint32_t> version = 0;  // odd while it is written
    std::atomic<std::uint64_t> high = 0;
    std::atomic<std::uint64_t> low = 0;
    std::atomic<std::uint64_t> value = 0;
    std::atomic<std::uint64_t> time = 0;
  };

  std::array<Slot, kBuckets> slots_;
};

}  // namespace millrace
