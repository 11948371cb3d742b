#include "buffer_budget.h"

#include <algorithm>
#include <cassert>

#include "millrace/server/limits.h"

namespace millrace {

BufferBudget::~BufferBudget() {
  assert(held_ == 0);
}

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
  if (counted < held_) {
    budget_->give_back(held_ - counted);
  } else if (!budget_->take(counted - held_)) {
    return false;
  }
  held_ = counted;
  return true;
}

std::size_t BufferBudget::room() const {
  assert(held_ <= max_);
  const std::size_t own = max_ - held_;
  return of_ == nullptr ? own : std::min(own, of_->room());
}

bool BufferBudget::take(std::size_t bytes) {
  std::size_t seen = held_;
  do {
    if (bytes > max_ - seen) return false;
  } while (!held_.compare_exchange_weak(seen, seen + bytes));
  if (of_ == nullptr || of_->take(bytes)) return true;
  held_ -= bytes;
  return false;
}

void BufferBudget::give_back(std::size_t bytes) {
  assert(bytes <= held_);
  held_ -= bytes;
  if (of_ != nullptr) of_->give_back(bytes);
}

}  // namespace millrace
