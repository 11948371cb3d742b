// StatusReport: reports to the program that its store refuses events, or accepts them again, on its own thread.
//
// A store notices a failure where it must not be delayed: while it holds its writer's turn, or on a thread of the NATS
// library. On this thread the callback may do anything. There is no queue: if the callback is slow, its next call gets
// the state of that time.
#pragma once

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "millrace/server/event_store.h"
#include "mutex.h"

namespace millrace {

class StatusReport {
 public:
  /// `callback` throws nothing. Without one there is no thread.
  explicit StatusReport(std::function<void(const StoreStatus&)> callback) : callback_(std::move(callback)) {
    if (callback_ != nullptr) thread_ = std::thread([this] { run(); });
  }
  ~StatusReport() { stop(); }
  StatusReport(const StatusReport&) = delete;
  StatusReport& operator=(const StatusReport&) = delete;

  /// Has the callback called with it. Any thread; never waits.
  void tell(const StoreStatus& status) {
    const MutexLock lock(mutex_);
    if (callback_ == nullptr || is_stopped_) return;
    pending_ = status;
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
      const StoreStatus status = *std::exchange(pending_, std::nullopt);
      lock.unlock();
      callback_(status);
      lock.lock();
    }
  }

  const std::function<void(const StoreStatus&)> callback_;
  Mutex mutex_;
  Condition changed_;
  std::optional<StoreStatus> pending_ GUARDED_BY(mutex_);
  bool is_stopped_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace millrace
