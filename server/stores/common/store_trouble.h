// StoreTrouble: why a store accepts no events now, and the reports of its changes to on_status. Any thread.
//
//   trouble_.set(error.what());  // also with locks held
//   trouble_.tell();             // without a lock or a turn, because on_status is another's
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/event_store.h"
#include "mutex.h"

namespace millrace {

class StoreTrouble {
 public:
  using OnStatus = std::function<void(const StoreStatus&)>;

  /// Reports later changes to `on_status`; to nobody if it is empty. Not while another member is called.
  void report_to(OnStatus on_status) {
    const MutexLock lock(mutex_);
    on_status_ = std::move(on_status);
    untold_.clear();
  }

  /// Sets why the store accepts no events; empty: it accepts them. Without memory for the text it changes nothing.
  void set(std::string_view why) noexcept {
    const MutexLock lock(mutex_);
    if (why_ == why) return;
    try {
      std::string now(why);
      if (on_status_ != nullptr) add_untold(why);
      if (why_.empty()) ++failures_;
      why_.swap(now);
    } catch (const std::bad_alloc&) {
      // The store refuses events all the same, and its next attempt sets the text.
    }
  }

  /// Reports the changes that nobody has reported yet, in order, on one thread at a time: it returns at once while
  /// another thread reports, which then reports these, too.
  void tell() {
    MutexLock lock(mutex_);
    if (is_telling_) return;
    is_telling_ = true;
    while (!untold_.empty()) {
      const StoreStatus status = status_of(std::move(untold_.front()));
      untold_.pop_front();
      lock.unlock();
      on_status_(status);
      lock.lock();
    }
    is_telling_ = false;
  }

  /// Whether the store accepts events, and why not.
  StoreStatus status() const {
    const MutexLock lock(mutex_);
    return status_of(why_);
  }

  /// Times that the store stopped accepting events.
  std::uint64_t failures() const { return failures_; }

  /// Changes that wait for a slow on_status; each further one replaces the newest of them.
  static constexpr std::size_t kMostUntold = 64;

 private:
  static StoreStatus status_of(std::string why) {
    return why.empty() ? StoreStatus() : StoreStatus::refusing(std::move(why));
  }
  void add_untold(std::string_view why) REQUIRES(mutex_) {
    if (untold_.size() == kMostUntold) {
      untold_.back() = why;
    } else {
      untold_.emplace_back(why);
    }
  }

  mutable Mutex mutex_;
  OnStatus on_status_;
  std::string why_ GUARDED_BY(mutex_);
  std::deque<std::string> untold_ GUARDED_BY(mutex_);
  bool is_telling_ GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> failures_ = 0;
};

}  // namespace millrace
