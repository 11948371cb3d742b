#include "webhook_queue.h"

#include <utility>

namespace millrace {

bool WebhookQueue::add(std::string event) {
  if (events_.size() >= bounds_.events || bytes_ + event.size() > bounds_.bytes) {
    ++dropped_;
    return false;
  }
  bytes_ += event.size();
  events_.push_back(std::move(event));
  return true;
}

std::string WebhookQueue::batch() {
  std::string batch = "[";
  std::size_t count = 0;
  while (count < events_.size() && (in_batch_ > 0 ? count < in_batch_ : count < bounds_.batch_events)) {
    if (in_batch_ == 0 && count > 0 && batch.size() + events_[count].size() > bounds_.batch_bytes) break;
    if (count > 0) batch += ',';
    batch += events_[count++];
  }
  in_batch_ = count;
  return batch + "]";
}

void WebhookQueue::settle(bool was_delivered) {
  (was_delivered ? delivered_ : dropped_) += in_batch_;
  for (; in_batch_ > 0; --in_batch_) {
    bytes_ -= events_.front().size();
    events_.pop_front();
  }
}

}  // namespace millrace
