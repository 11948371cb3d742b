// EventQueue: the events that wait for EventSource::next(), filled by one thread and emptied by any.
//
// It is bounded by the number of events and by their memory. The thread that fills it checks is_full() first, so that
// it exceeds its bounds by at most the events of one piece of the stream.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class EventQueue {
 public:
  explicit EventQueue(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Adds an event. `id_changes` counts how often the last event ID has been set.
  void push(const MessageEvent& event, std::uint32_t id_changes) {
    const MutexLock lock(mutex_);
    Entry entry{.type = std::string(event.type), .data = std::string(event.data), .has_id = event.has_id};
    if (!event.topic.empty()) entry.topics = std::make_unique<const std::string>(event.topics);
    if (!event.trace.empty()) entry.trace = std::make_unique<OwnedTraceContext>(event.trace);
    entry.bytes = sizeof(Entry) + entry.type.size() + entry.data.size() + event.topics.size() +
                  event.trace.parent().size() + event.trace.state().size();
    // Events that inherit an ID share it; otherwise each would cost the memory and time of a long ID.
    if (last_id_ == nullptr || std::exchange(id_changes_, id_changes) != id_changes) {
      last_id_ = std::make_shared<const std::string>(event.last_event_id);
      entry.bytes += last_id_->size();
    }
    entry.id = last_id_;
    bytes_ += entry.bytes;
    events_.push_back(std::move(entry));
    changed_.notify_one();
  }

  /// Closes the queue. Events that wait are still returned, unless they are dropped.
  void close(bool drop) {
    const MutexLock lock(mutex_);
    closed_ = true;
    if (drop) {
      events_.clear();
      bytes_ = 0;
    }
    changed_.notify_all();
  }

  bool is_full() {
    const MutexLock lock(mutex_);
    const bool full = events_.size() >= kMaxWaitingEvents || bytes_ >= max_bytes_;
    was_full_ = was_full_ || full;
    return full;
  }

  struct Popped {
    std::optional<ReceivedEvent> event;  ///< nothing: the queue is closed, or no event came in time
    bool made_room = false;              ///< half of the queue has become free
  };
  /// Returns the next event; without a `timeout` it waits without limit.
  Popped pop(std::optional<Duration> timeout) {
    MutexLock lock(mutex_);
    const auto ready = [this]() REQUIRES(mutex_) { return closed_ || !events_.empty(); };
    if (!timeout) {
      changed_.wait(lock, ready);
    } else {
      changed_.wait_for(lock, *timeout, ready);
    }
    if (events_.empty()) return {};
    Entry entry = std::move(events_.front());
    events_.pop_front();
    bytes_ -= entry.bytes;
    const bool has_room = events_.size() <= kMaxWaitingEvents / 2 && bytes_ <= max_bytes_ / 2;
    ReceivedEvent event{.type = std::move(entry.type),
                        .data = std::move(entry.data),
                        .last_event_id = *entry.id,
                        .has_id = entry.has_id};
    if (entry.topics != nullptr) set_topics(*entry.topics, event);
    if (entry.trace != nullptr) event.trace = std::move(*entry.trace);
    return {.event = std::move(event), .made_room = has_room && std::exchange(was_full_, false)};
  }

 private:
  static void set_topics(std::string_view topics, ReceivedEvent& event) {
    std::size_t end = topics.find('\t');
    event.topic = std::string(topics.substr(0, end));
    while (end != std::string_view::npos && event.further_topics.size() + 1 < kMaxReceivedTopics) {
      topics.remove_prefix(end + 1);
      end = topics.find('\t');
      event.further_topics.emplace_back(topics.substr(0, end));
    }
  }

  struct Entry {
    std::string type;
    std::string data;
    std::shared_ptr<const std::string> id = nullptr;
    std::unique_ptr<const std::string> topics = nullptr;  // as in MessageEvent; most streams have none
    std::unique_ptr<OwnedTraceContext> trace = nullptr;   // likewise
    bool has_id = false;
    std::size_t bytes = 0;
  };

  const std::size_t max_bytes_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<Entry> events_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const std::string> last_id_ GUARDED_BY(mutex_);
  std::uint32_t id_changes_ GUARDED_BY(mutex_) = 0;
  bool was_full_ GUARDED_BY(mutex_) = false;  // the source has been told to wait
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
