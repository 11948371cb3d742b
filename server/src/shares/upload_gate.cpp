#include "upload_gate.h"

#include <utility>

#include "millrace/core/limits.h"

namespace millrace {

UploadGate::Answer UploadGate::enter(const std::shared_ptr<Exchange>& exchange) {
  const MutexLock lock(mutex_);
  if (under_way_ < max_) {
    ++under_way_;
    return Answer::kGo;
  }
  if (waiting_.size() >= kMaxWaitingUploads) return Answer::kRefuse;
  waiting_.push_back(exchange);
  return Answer::kWait;
}

std::shared_ptr<Exchange> UploadGate::leave() {
  const MutexLock lock(mutex_);
  if (waiting_.empty()) {
    --under_way_;
    return nullptr;
  }
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

void UploadGate::reset() {
  const MutexLock lock(mutex_);
  under_way_ = 0;
  waiting_.clear();
}

}  // namespace millrace
