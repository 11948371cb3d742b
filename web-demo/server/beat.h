// Beat: calls a function at a steady pace, on its own thread, until it is destroyed. For the demo's feeds.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "mutex.h"

namespace millrace::demo {

class Beat {
 public:
  /// Calls `step` at once and then every `period`; a step that takes longer delays the next.
  Beat(std::chrono::milliseconds period, std::function<void()> step);
  /// Waits for a running step.
  ~Beat();
  Beat(const Beat&) = delete;
  Beat& operator=(const Beat&) = delete;

 private:
  void run(std::chrono::milliseconds period, const std::function<void()>& step);

  Mutex mutex_;
  Condition ending_;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace::demo
