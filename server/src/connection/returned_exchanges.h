// ReturnedExchanges: exchanges that workers have given back to their loop, until the loop finishes them.
#pragma once

#include <memory>

#include "exchange.h"
#include "loop/event_loop.h"
#include "mutex.h"

namespace millrace {

class ReturnedExchanges {
 public:
  explicit ReturnedExchanges(EventLoop& loop) : loop_(loop) {}

  /// Any thread. Allocates nothing: a client gets its answer, or the end of its connection, also without memory.
  void add(std::shared_ptr<Exchange> exchange) noexcept;

  /// Finishes them, in the order in which they came. The loop's thread.
  void finish();

 private:
  EventLoop& loop_;
  Mutex mutex_;
  std::shared_ptr<Exchange> first_ GUARDED_BY(mutex_);
  Exchange* last_ GUARDED_BY(mutex_) = nullptr;
};

}  // namespace millrace
