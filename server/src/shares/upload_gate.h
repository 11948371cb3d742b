// UploadGate: bounds how many requests at a time may hold a worker while their body arrives; the others wait in a
// queue.
//
// Without it a few clients that send a byte now and then would hold all workers. Any thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "mutex.h"

namespace millrace {

struct Exchange;

class UploadGate {
 public:
  enum class Permit {
    kGo,      ///< call leave() afterwards
    kWait,    ///< a later leave() returns it
    kRefuse,  ///< kMaxWaitingUploads wait already
  };

  explicit UploadGate(std::size_t max) : max_(max) {}

  Permit enter(const std::shared_ptr<Exchange>& exchange);

  /// Releases the slot of a request, and returns the next one in the queue, which now has the slot; null if the queue
  /// is empty.
  std::shared_ptr<Exchange> leave();

  /// Releases all slots and empties the queue.
  void reset();

 private:
  const std::size_t max_;
  Mutex mutex_;
  std::size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<Exchange>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace millrace
