// TroubleReport: reports a store's failures to the program, on its own thread.
//
// A store notices a failure where it must not be delayed: while it holds its writer's turn, or on a thread of the NATS
// library. On this thread the callback may do anything. There is no queue: if the callback is slow, its next call gets
// the state of that time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "mutex.h"

namespace millrace {

class TroubleReport {
 public:
  /// `callback` throws nothing. Without one there is nobody to tell, and no thread.
  explicit TroubleReport(std::function<void(const std::string&)> callback) : callback_(std::move(callback)) {
    if (callback_ != nullptr) thread_ = std::thread([this] { run(); });
  }
  ~TroubleReport() { stop(); }
  TroubleReport(const TroubleReport&) = delete;
  TroubleReport& operator=(const TroubleReport&) = delete;

  /// Has the callback called with it. Any thread; never waits.
  void tell(const std::string& trouble) {
    const MutexLock lock(mutex_);
    if (callback_ == nullptr || is_stopped_) return;
    pending_ = trouble;
    changed_.notify_one();
  }

  /// Waits for a call that is under way; there is none after it. Not in the callback.
  void stop() {
    {
      const MutexLock lock(mutex_);
      is_stopped_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    MutexLock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this]() REQUIRES(mutex_) { return is_stopped_ || pending_; });
      if (is_stopped_) return;
      const std::string trouble = *std::exchange(pending_, std::nullopt);
      lock.unlock();
      callback_(trouble);
      lock.lock();
    }
  }

  const std::function<void(const std::string&)> callback_;
  Mutex mutex_;
  Condition changed_;
  std::optional<std::string> pending_ GUARDED_BY(mutex_);
  bool is_stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
