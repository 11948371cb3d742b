// EventQueue: the events that wait for EventSource::next(), filled by one thread and emptied by any.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "millrace/client/event_source.h"
#include "millrace/core/limits.h"

namespace millrace {

class EventQueue {
 public:
  void push(const MessageEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back({std::string(event.type), std::string(event.data), std::string(event.last_event_id)});
    changed_.notify_one();
  }

  /// Nothing comes any more; what waits is still handed out, unless it is dropped.
  void close(bool drop) {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (drop) events_.clear();
    changed_.notify_all();
  }

  bool is_full() const {
    const std::lock_guard lock(mutex_);
    return events_.size() >= kMaxWaitingEvents;
  }

  struct Popped {
    std::optional<ReceivedEvent> event;  ///< nothing: closed, or none came in time
    bool made_room = false;              ///< half of the queue is free, and was not before
  };
  /// Waits for as long as it takes without a `timeout`.
  Popped pop(std::optional<Duration> timeout) {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return closed_ || !events_.empty(); };
    if (!timeout) {
      changed_.wait(lock, ready);
    } else {
      changed_.wait_for(lock, std::min(*timeout, kMaxReconnectionTime), ready);  // longer ones overflow the clock
    }
    if (events_.empty()) return {};
    Popped popped{.event = std::move(events_.front()), .made_room = events_.size() == kMaxWaitingEvents / 2 + 1};
    events_.pop_front();
    return popped;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ReceivedEvent> events_;
  bool closed_ = false;
};

}  // namespace millrace
