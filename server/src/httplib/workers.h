// Workers: the threads that run the program's code, and their tasks. Any thread.
#pragma once

#include <httplib.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "base/failure.h"
#include "mutex.h"

namespace millrace {

class Workers {
 public:
  using Task = std::function<void()>;

  /// `on_failure` gets what callbacks throw.
  explicit Workers(OnFailure on_failure) : on_failure_(std::move(on_failure)) {}

  void start(std::unique_ptr<httplib::TaskQueue> queue);

  /// Refuses further tasks. Returns false if it was called before.
  bool close();

  /// Waits, after close(), until all tasks are done. Holds no lock, because running handlers may call the server.
  void finish() { queue_->shutdown(); }

  /// Runs the callbacks that no worker could take any more, on this thread, until none is left.
  void run_left_over();

  /// Ends the threads, after run_left_over().
  void join() { queue_.reset(); }

  /// Returns false after close(), or if the queue refuses the task, for example because it is full.
  bool enqueue(Task task);

  /// Runs a user's callback later on a worker, never in this call. After close() the callback waits for
  /// run_left_over(); if the queue refuses it, until a worker has finished another task.
  void run_callback(Task callback);

  /// Runs the user's code on this thread.
  void as_user_code(const Task& code) const;
  /// Whether this thread is in one of the server's handlers or callbacks.
  bool is_in_user_code() const;

 private:
  const OnFailure on_failure_;
  Mutex mutex_;
  bool are_running_ GUARDED_BY(mutex_) = false;  // the workers take tasks
  std::vector<Task> left_over_ GUARDED_BY(mutex_);
  std::atomic<bool> has_left_over_ = false;  // lets a worker check without the lock
  std::unique_ptr<httplib::TaskQueue> queue_;

  bool give(Task task) REQUIRES(mutex_);
  void work(const Task& task);
};

}  // namespace millrace
