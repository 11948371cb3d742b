// Collector: what a source has reported, as lines, to be waited for by a test.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "eventually.h"
#include "millrace/client/event_source.h"

namespace millrace::test {

class Collector {
 public:
  Collector() = default;
  /// Notes `open`, `error <message>` and `<type>|<data>|<last event ID>`. The source may outlive the collector.
  explicit Collector(EventSource& source) {
    source.on_open([notes = notes_] { notes->add("open"); });
    source.on_any([notes = notes_](const MessageEvent& event) {
      notes->add(std::string(event.type) + "|" + std::string(event.data) + "|" + std::string(event.last_event_id));
    });
    source.on_error(
        [notes = notes_](const EventSourceError& error) { notes->add("error " + std::string(error.message)); });
  }

  void add(std::string line) { notes_->add(std::move(line)); }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(notes_->mutex);
    return notes_->lines;
  }

  /// False if there were not so many in time.
  bool wait_for(std::size_t count) const {
    std::unique_lock lock(notes_->mutex);
    return notes_->changed.wait_for(lock, kDeadline, [&] { return notes_->lines.size() >= count; });
  }

 private:
  struct Notes {
    void add(std::string line) {
      const std::lock_guard lock(mutex);
      lines.push_back(std::move(line));
      changed.notify_all();
    }
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Notes> notes_ = std::make_shared<Notes>();
};

}  // namespace millrace::test
