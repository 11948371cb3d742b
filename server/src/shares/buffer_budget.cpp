#include "buffer_budget.h"

#include "millrace/core/limits.h"

namespace millrace {

BufferBudget::Share& BufferBudget::Share::operator=(Share&& other) noexcept {
  if (this == &other) return *this;
  resize(0);
  budget_ = other.budget_;
  held_ = std::exchange(other.held_, 0);
  return *this;
}

bool BufferBudget::Share::resize(std::size_t bytes) {
  const std::size_t counted = bytes > kUncountedBufferBytes ? bytes - kUncountedBufferBytes : 0;
  if (budget_ == nullptr || counted == held_) return true;
  std::atomic<std::size_t>& all = budget_->held_;
  if (counted < held_) {
    all -= held_ - counted;
  } else {
    const std::size_t more = counted - held_;
    std::size_t seen = all;
    do {
      if (more > budget_->max_ - seen) return false;
    } while (!all.compare_exchange_weak(seen, seen + more));
  }
  held_ = counted;
  return true;
}

}  // namespace millrace
