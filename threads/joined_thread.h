// JoinedThread: a std::thread that waits for its end when it goes. In place of std::jthread, which the libc++ of Clang
// 14 to 19 does not have.
#pragma once

#include <thread>
#include <utility>

namespace millrace {

class JoinedThread {
 public:
  JoinedThread() = default;
  template <typename Work, typename... Arguments>
  explicit JoinedThread(Work&& work, Arguments&&... arguments)
      : thread_(std::forward<Work>(work), std::forward<Arguments>(arguments)...) {}
  ~JoinedThread() { join(); }
  JoinedThread(JoinedThread&&) noexcept = default;
  JoinedThread& operator=(JoinedThread&& other) noexcept {
    join();
    thread_ = std::move(other.thread_);
    return *this;
  }

  /// Does nothing if there is no thread.
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::thread thread_;
};

}  // namespace millrace
