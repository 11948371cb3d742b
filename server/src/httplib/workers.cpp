#include "workers.h"

#include <utility>

#include "httplib_versions.h"

namespace millrace {

namespace {

// The server whose handler or callback this thread runs.
thread_local const void* user_code_of = nullptr;

}  // namespace

void Workers::start(std::unique_ptr<httplib::TaskQueue> queue) {
  const MutexLock lock(mutex_);
  queue_ = std::move(queue);
  are_running_ = true;
}

bool Workers::close() {
  const MutexLock lock(mutex_);
  return std::exchange(are_running_, false);
}

// Also runs callbacks that these callbacks add.
void Workers::run_left_over() {
  while (true) {
    std::vector<Task> callbacks;
    {
      const MutexLock lock(mutex_);
      callbacks.swap(left_over_);
      has_left_over_ = false;
    }
    if (callbacks.empty()) return;
    for (const Task& callback : callbacks) as_user_code(callback);
  }
}

bool Workers::enqueue(Task task) {
  const MutexLock lock(mutex_);
  return are_running_ && give(std::move(task));
}

bool Workers::give(Task task) {
  return enqueue_in(*queue_, [this, task = std::move(task)] { work(task); });
}

// A queue that has refused a callback holds other tasks; the callback runs after one of them.
void Workers::work(const Task& task) {
  as_user_code(task);
  if (has_left_over_) run_left_over();
}

void Workers::run_callback(Task callback) {
  Task guarded = [this, callback = std::move(callback)] { call_guarded(on_failure_, "on_close", callback); };
  const MutexLock lock(mutex_);
  if (are_running_ && give(guarded)) return;
  left_over_.push_back(std::move(guarded));
  has_left_over_ = true;
  if (are_running_) give([] {});  // the queue may have run empty before the callback was added
}

void Workers::as_user_code(const Task& code) const {
  const void* const outer = std::exchange(user_code_of, this);
  code();
  user_code_of = outer;
}

bool Workers::is_in_user_code() const {
  return user_code_of == this;
}

}  // namespace millrace
