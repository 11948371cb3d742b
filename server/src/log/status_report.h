// StatusReport: reports to the program, on its own thread, that the store refuses events or accepts them again.
//
// A store notices failures in places that must not be delayed: while it holds its writer's turn, or on a thread of the
// NATS library. On this thread the callback may do anything. Nothing is queued: after a slow call, the next one gets
// the newest status.
#pragma once

#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "millrace/server/event_store.h"
#include "mutex.h"
#include "thread_name.h"

namespace millrace {

class StatusReport {
 public:
  /// `callback` must not throw. Without a callback it starts no thread.
  explicit StatusReport(std::function<void(const StoreStatus&)> callback) : callback_(std::move(callback)) {
    if (callback_ != nullptr) thread_ = std::thread([this] { run(); });
  }
  ~StatusReport() { stop(); }
  StatusReport(const StatusReport&) = delete;
  StatusReport& operator=(const StatusReport&) = delete;

  /// Makes the thread call the callback with the status. Any thread; never waits.
  void tell(const StoreStatus& status) {
    const MutexLock lock(mutex_);
    if (callback_ == nullptr || is_stopped_) return;
    pending_ = status;
    changed_.notify_one();
  }

  /// Waits for a running call; no call follows. Must not run in the callback.
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
    name_this_thread("millrace-status");
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
