// OutputWatch: notices that nobody reads the standard output any more, though nothing is written to it.
//
// A pipe whose reader has gone says so to who writes, or to who waits for it: without the watch, `tail | head -1` would
// stay until the next event. Files and terminals never do.
#pragma once

#include <functional>
#include <thread>

namespace millrace::cli {

class OutputWatch {
 public:
  /// Calls `on_gone` once, on a thread of its own, when the reader has gone. Make it behind SignalWatch, whose signals
  /// that thread then leaves alone.
  explicit OutputWatch(std::function<void()> on_gone);
  ~OutputWatch();
  OutputWatch(const OutputWatch&) = delete;
  OutputWatch& operator=(const OutputWatch&) = delete;

 private:
  int end_fd_;
  std::thread thread_;
};

}  // namespace millrace::cli
