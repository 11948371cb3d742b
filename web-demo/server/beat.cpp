#include "beat.h"

#include <utility>

namespace millrace::demo {

Beat::Beat(std::chrono::milliseconds period, std::function<void()> step)
    : thread_([this, period, step = std::move(step)] { run(period, step); }) {}

Beat::~Beat() {
  {
    const MutexLock lock(mutex_);
    ended_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void Beat::run(std::chrono::milliseconds period, const std::function<void()>& step) {
  MutexLock lock(mutex_);
  do {
    lock.unlock();
    step();
    lock.lock();
  } while (!ending_.wait_for(lock, period, [this]() REQUIRES(mutex_) { return ended_; }));
}

}  // namespace millrace::demo
