// CommitQueue: publishes for requests that must not wait for the log's store themselves. What comes while the store is
// busy is committed together. Any thread.
#pragma once

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
  class Job;
  using Jobs = std::list<std::unique_ptr<Job>>;

  /// Where jobs come from, and return to when they have their results. It must outlive its jobs.
  class Source {
   public:
    /// Takes jobs back, all of them. On a thread of the queue, which it must not block.
    virtual void take_back(Jobs& jobs) noexcept = 0;

   protected:
    ~Source() = default;
  };

  /// Publications that belong together: published all or none.
  class Job {
   public:
    explicit Job(Source& source) : source_(source) {}
    virtual ~Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    /// At least one; unchanged until the job has its results.
    virtual std::span<const Publication> publications() const = 0;
    /// Takes the result of each publication, as Hub::publish() returns them; it may move from them. On a thread of the
    /// queue, which it must not block.
    virtual void publish_done(std::span<Published> results) noexcept = 0;
    /// The same instead of publish_done(), if publishing has thrown, for example for lack of memory.
    virtual void publish_failed(const std::exception_ptr& failure) noexcept = 0;
    /// Uses the results. Its source calls it, on a thread of its choice.
    virtual void finish() = 0;

    Source& source() const { return source_; }

   private:
    Source& source_;
  };

  /// `hub` must outlive it.
  explicit CommitQueue(Hub& hub) : hub_(hub) {}
  ~CommitQueue() { stop(); }
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  /// Commits at most so many groups at the same time, each on a thread. More than one only help if the store does not
  /// let each wait for the one before. Throws std::system_error if the system refuses a thread.
  void start(std::size_t groups);
  /// Refuses further jobs, publishes those that are announced, and ends the threads. Not on a thread of the queue.
  void stop();

  /// Announces a job that add() brings soon. Returns false if the queue is stopped. Never waits.
  [[nodiscard]] bool announce();
  /// Takes announced jobs, all of them. Never waits.
  void add(Jobs& jobs);

  /// Announced jobs that have not returned to their sources.
  std::size_t waiting() const;

 private:
  void run();
  Jobs take_group() noexcept REQUIRES(mutex_);
  void give_back(Jobs jobs) noexcept;
  void publish(const Jobs& jobs) const noexcept;
  void publish(std::span<Job* const> jobs) const;
  std::vector<Published> published(std::span<Job* const> jobs) const;

  Hub& hub_;
  mutable Mutex mutex_;
  Condition changed_;
  Jobs jobs_ GUARDED_BY(mutex_);
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;
  bool is_open_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
