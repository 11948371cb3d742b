#include "returned_exchanges.h"

#include <utility>

#include "connection.h"

namespace millrace {

namespace {

void finish_one(Exchange& exchange) {
  if (!exchange.is_broken_off) return exchange.connection.finish(exchange);
  RequestSide::end_access(exchange.connection, exchange);
  exchange.connection.close();
}

}  // namespace

void ReturnedExchanges::add(std::shared_ptr<Exchange> exchange) noexcept {
  {
    const MutexLock lock(mutex_);
    Exchange* const added = exchange.get();
    (last_ == nullptr ? first_ : last_->next_returned) = std::move(exchange);
    last_ = added;
  }
  loop_.wake();
}

void ReturnedExchanges::finish() {
  std::shared_ptr<Exchange> next;
  {
    const MutexLock lock(mutex_);
    next.swap(first_);
    last_ = nullptr;
  }
  while (next != nullptr) {
    const std::shared_ptr<Exchange> one = std::move(next);
    next = std::move(one->next_returned);
    finish_one(*one);
  }
}

}  // namespace millrace
