// CommitQueue: publishes for requests that must not wait for the log's store themselves. What comes while the store is
// busy is committed together. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <list>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "millrace/server/hub.h"
#include "mutex.h"

namespace millrace {

class CommitQueue {
 public:
  /// Publications that belong together: published all or none.
  class Job {
   public:
    virtual ~Job() = default;
    /// At least one; unchanged as long as the job exists.
    virtual std::span<const Publication> publications() const = 0;
    /// Takes the result of each publication, as Hub::publish() returns them. On a thread of the queue, which it must
    /// not block. Throws nothing.
    virtual void publish_done(std::span<const Published> results) = 0;
    /// The same instead of publish_done(), if publishing has thrown, for example for lack of memory.
    virtual void publish_failed(const std::exception_ptr& failure) = 0;
  };

  /// Threads that commit: while one waits for the store, the other gathers the next jobs.
  static constexpr std::size_t kThreads = 2;

  /// `hub` must outlive it.
  explicit CommitQueue(Hub& hub) : hub_(hub) {}
  ~CommitQueue() { stop(); }
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  /// Throws std::system_error if the system refuses a thread.
  void start();
  /// Publishes what is in the queue; then ends the threads. Not on a thread of the queue.
  void stop();

  /// Takes the job. Returns false, without having used the job, if the queue is stopped. Never waits.
  [[nodiscard]] bool add(std::unique_ptr<Job> job);

  /// Jobs that have no result yet.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  using Jobs = std::list<std::unique_ptr<Job>>;

  void run();
  Jobs take_group() noexcept REQUIRES(mutex_);
  void publish(const Jobs& jobs) const noexcept;
  void publish(std::span<Job* const> jobs) const;
  std::vector<Published> published(std::span<Job* const> jobs) const;

  Hub& hub_;
  std::atomic<std::size_t> waiting_ = 0;
  Mutex mutex_;
  Condition added_;
  Jobs jobs_ GUARDED_BY(mutex_);
  bool is_open_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
