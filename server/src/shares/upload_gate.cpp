#include "upload_gate.h"

#include <cassert>
#include <utility>

#include "millrace/server/limits.h"

namespace millrace {

UploadGate::Permit UploadGate::enter(const std::shared_ptr<Exchange>& exchange) {
  const MutexLock lock(mutex_);
  if (under_way_ < max_) {
    ++under_way_;
    return Permit::kGo;
  }
  assert(under_way_ == max_);  // requests wait only if all slots are taken
  if (waiting_.size() >= kMaxWaitingUploads) return Permit::kRefuse;
  waiting_.push_back(exchange);
  return Permit::kWait;
}

std::shared_ptr<Exchange> UploadGate::leave() {
  const MutexLock lock(mutex_);
  assert(under_way_ > 0);
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
