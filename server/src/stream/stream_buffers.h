// StreamBuffers: what the request-scoped streams of a server hold together for clients that read slowly, and which of
// them are cut when it becomes too much. Any thread.
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
  /// They may have half of `all`, so that streams which are not read never keep requests out.
  explicit StreamBuffers(std::shared_ptr<BufferBudget> all);

  BufferBudget& budget() { return budget_; }

  /// The stream holds something that counts, or nothing any more.
  void add(EventStream::State& stream);
  void remove(EventStream::State& stream);

  /// Cuts the streams that hold most, until there is room for `bytes` and an eighth of it all besides: so that looking
  /// through them is not for a single one. Not to be called under the lock of a stream.
  void make_room(std::size_t bytes);

  /// Streams cut for this reason.
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
