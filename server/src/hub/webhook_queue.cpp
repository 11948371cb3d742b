#include "webhook_queue.h"

#include <utility>

namespace millrace {

bool WebhookQueue::add(std::string event, std::string_view holder) {
  if (events_.size() >= bounds_.events || bytes_ + event.size() > bounds_.bytes) {
    ++dropped_;
    return false;
  }
  const auto known = holders_.find(holder);
  const Amount held = known != holders_.end() ? known->second : Amount{};
  if (held.events >= bounds_.events_per_holder || held.bytes + event.size() > bounds_.bytes_per_holder) {
    ++over_share_;
    return false;
  }
  Holder& owner = known != holders_.end() ? *known : *holders_.emplace(std::string(holder), Amount{}).first;
  const std::size_t bytes = event.size();
  events_.push_back({std::move(event), &owner});
  owner.second = {held.events + 1, held.bytes + bytes};
  bytes_ += bytes;
  return true;
}

std::string WebhookQueue::batch() {
  std::string batch = "[";
  std::size_t count = 0;
  while (count < events_.size() && (in_batch_ > 0 ? count < in_batch_ : count < bounds_.batch_events)) {
    if (in_batch_ == 0 && count > 0 && batch.size() + events_[count].event.size() > bounds_.batch_bytes) break;
    if (count > 0) batch += ',';
    batch += events_[count++].event;
  }
  in_batch_ = count;
  return batch + "]";
}

void WebhookQueue::settle(bool was_delivered) {
  (was_delivered ? delivered_ : dropped_) += in_batch_;
  for (; in_batch_ > 0; --in_batch_) {
    auto& [event, holder] = events_.front();
    bytes_ -= event.size();
    holder->second.bytes -= event.size();
    if (--holder->second.events == 0) holders_.erase(holders_.find(holder->first));
    events_.pop_front();
  }
}

}  // namespace millrace
