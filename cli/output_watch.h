// OutputWatch: notices that the reader of the standard output is gone, even if nothing is written to it.
//
// A pipe reports that its reader is gone to a thread that writes or polls. Without the watch, `tail | head -1` would
// stay until the next event. Files and terminals never report it.
#pragma once

#include <functional>
#include <thread>

#include "wakeup.h"

namespace millrace::cli {

class OutputWatch {
 public:
  /// Calls `on_gone` once, on its own thread, when the reader is gone. Create it after SignalWatch, so that its thread
  /// blocks SignalWatch's signals.
  explicit OutputWatch(std::function<void()> on_gone);
  ~OutputWatch();
  OutputWatch(const OutputWatch&) = delete;
  OutputWatch& operator=(const OutputWatch&) = delete;

 private:
  Wakeup end_;
  std::thread thread_;
};

}  // namespace millrace::cli
