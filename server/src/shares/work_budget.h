// WorkBudget: the steps of work left before others get their turn. One thread.
#pragma once

#include <algorithm>
#include <cstddef>

namespace millrace {

class WorkBudget {
 public:
  explicit WorkBudget(std::size_t steps = 0) : left_(steps) {}

  void refill(std::size_t steps) { left_ = steps; }
  void spend(std::size_t steps) { left_ -= std::min(left_, steps); }
  bool is_spent() const { return left_ == 0; }

 private:
  std::size_t left_;
};

}  // namespace millrace
