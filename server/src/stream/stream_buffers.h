// StreamBuffers: bounds what the request-scoped streams of a server together hold for slow clients, and cuts streams at
// the bound. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_set>

#include "millrace/server/event_stream.h"
#include "mutex.h"
#include "shares/buffer_budget.h"

namespace millrace {

class StreamBuffers {
 public:
  /// The streams may hold half of `all`, so that unread streams never block requests.
  explicit StreamBuffers(std::shared_ptr<BufferBudget> all);

  BufferBudget& budget() { return budget_; }

  /// Adds a stream that begins to hold counted bytes; remove() removes it when it holds none.
  void add(EventStream::State& stream);
  void remove(EventStream::State& stream);

  /// Cuts the streams that hold most, until `bytes` and an eighth of the bound are free, so that one search serves
  /// several cuts. Must not be called under the lock of a stream.
  void make_room(std::size_t bytes);

  /// Counts a stream cut for this reason.
  void count_cut(EventStreamEnd reason) { ++cuts_of(reason); }
  std::uint64_t cuts(EventStreamEnd reason) { return cuts_of(reason); }

 private:
  std::atomic<std::uint64_t>& cuts_of(EventStreamEnd reason) {
    return reason == EventStreamEnd::kTooSlow ? too_slow_ : no_space_;
  }

  const std::shared_ptr<BufferBudget> all_;
  BufferBudget budget_;
  Mutex mutex_;
  std::unordered_set<EventStream::State*> holders_ GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> too_slow_ = 0;
  std::atomic<std::uint64_t> no_space_ = 0;
};

}  // namespace millrace
