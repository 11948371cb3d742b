#include "beat.h"

#include <utility>

namespace millrace::demo {

Beat::Beat(std::chrono::milliseconds period, std::function<void()> step)
    : thread_([this, period, step = std::move(step)] { run(period, step); }) {}

Beat::~Beat() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void Beat::run(std::chrono::milliseconds period, const std::function<void()>& step) {
  std::unique_lock lock(mutex_);
  do {
    lock.unlock();
    step();
    lock.lock();
  } while (!ending_.wait_for(lock, period, [this] { return ended_; }));
}

}  // namespace millrace::demo
