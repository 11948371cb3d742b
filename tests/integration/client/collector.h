// Collector: what a source has reported, as lines, to be waited for by a test.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "eventually.h"
#include "millrace/client/event_source.h"

namespace millrace::test {

class Collector {
 public:
  /// Notes `open`, `error <message>` and `<type>|<data>|<last event ID>`.
  explicit Collector(EventSource& source) {
    source.on_open([this] { add("open"); });
    source.on_any([this](const MessageEvent& event) {
      add(std::string(event.type) + "|" + std::string(event.data) + "|" + std::string(event.last_event_id));
    });
    source.on_error([this](const EventSourceError& error) { add("error " + std::string(error.message)); });
  }
  Collector() = default;

  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  /// False if there were not so many in time.
  bool wait_for(std::size_t count) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return lines_.size() >= count; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::string> lines_;
};

}  // namespace millrace::test
