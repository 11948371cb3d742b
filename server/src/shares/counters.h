// The server's counters. Each event loop has its own, so that counting costs a load and a store; the metrics add up
// those of all loops.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "base/exemplars.h"
#include "base/histogram.h"
#include "mutex.h"
#include "refusal_reason.h"

namespace millrace {

/// The counters of one event loop.
struct LoopCounters {
  Counter deliveries;                 ///< events written whole to a subscriber
  Counter bytes;                      ///< written to subscribers
  Counter gaps;                       ///< gaps reported to subscribers
  Counter pinned_cuts;                ///< streams cut because slow readers held too many removed events
  Counter handshakes_full;            ///< full TLS handshakes
  Counter handshakes_resumed;         ///< TLS handshakes that were resumed by a ticket
  Counter handshakes_failed;          ///< TLS handshakes that failed for another reason than those below
  Counter handshakes_cut;             ///< clients that were too slow, or one too many at once
  DepthHistogram catch_up_depth;      ///< entries from a reader's place to the head, a sample for each page it reads
  LatencyHistogram publish_to_write;  ///< from publishing until the last of a loop's live subscribers had it
  Exemplars<LatencyHistogram::kBounds.size() + 1> publish_to_write_exemplars;
};

/// Requests that were refused, by status and reason. Any thread.
class RefusalCounters {
 public:
  using Counts = std::map<std::pair<int, RefusalReason>, std::uint64_t>;

  /// Every refusal that there can be is 0: an alert can see the first one.
  RefusalCounters() {
    const MutexLock lock(mutex_);
    for (const auto& [status, reason] : kRefusals) counts_[{status, reason}] = 0;
  }

  /// Ignores statuses that are not errors.
  void add(int status, RefusalReason reason) {
    if (status < 400 || status > 599) return;
    const MutexLock lock(mutex_);
    ++counts_[{status, reason}];
  }
  Counts counts() const {
    const MutexLock lock(mutex_);
    return counts_;
  }

 private:
  mutable Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

}  // namespace millrace
