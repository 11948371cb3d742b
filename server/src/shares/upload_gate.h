// UploadGate: how many requests at a time may hold a worker while their body arrives; the others wait in a queue.
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
  enum class Answer {
    kGo,      ///< leave() is to follow
    kWait,    ///< some leave() will return it
    kRefuse,  ///< kMaxWaitingUploads are waiting already
  };

  explicit UploadGate(std::size_t max) : max_(max) {}

  Answer enter(const std::shared_ptr<Exchange>& exchange);

  /// One that went is done. The next in line goes now; null if nobody waits.
  std::shared_ptr<Exchange> leave();

  /// Nobody is under way or waiting any more.
  void reset();

 private:
  const std::size_t max_;
  Mutex mutex_;
  std::size_t under_way_ GUARDED_BY(mutex_) = 0;
  std::deque<std::shared_ptr<Exchange>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace millrace
