// Workers: the threads that run the program's code, and what is to run there. Any thread.
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

  /// Takes no more. False if it has been called already.
  bool close();

  /// Waits, behind close(), until all that they have been given is done. No lock is held while handlers end: they may
  /// well be asking the server for something.
  void finish() { queue_->shutdown(); }

  /// Runs the callbacks for which there was no worker any more, here, until none is left.
  void run_left_over();

  /// Lets the threads go, after run_left_over().
  void join() { queue_.reset(); }

  /// False if the workers take no more, or their queue refuses it, as a bounded one does when it is full.
  bool enqueue(Task task);

  /// A user's callback: never here and now. Where there is no worker any more it waits for run_left_over(); where the
  /// queue refuses it, until a worker is done with something else.
  void run_callback(Task callback);

  /// Runs code of the user's on this thread.
  void as_user_code(const Task& code) const;
  /// Whether this thread is in one of the server's handlers or callbacks.
  bool is_in_user_code() const;

 private:
  const OnFailure on_failure_;
  Mutex mutex_;
  bool are_running_ GUARDED_BY(mutex_) = false;  // they take tasks
  std::vector<Task> left_over_ GUARDED_BY(mutex_);
  std::atomic<bool> has_left_over_ = false;  // behind it: a worker looks without the lock
  std::unique_ptr<httplib::TaskQueue> queue_;

  bool give(Task task) REQUIRES(mutex_);
  void work(const Task& task);
};

}  // namespace millrace
