#include "commit_queue.h"

#include <cassert>
#include <new>
#include <utility>

#include "log/event_log.h"
#include "log/turns.h"
#include "thread_name.h"

namespace millrace {

namespace {

// Whether the group failed because of one of its jobs, and the others can be published without it.
bool is_fault_of_one(Published::Outcome outcome) {
  return outcome == Published::Outcome::kIdInUse || outcome == Published::Outcome::kNotRetained ||
         outcome == Published::Outcome::kRefused;
}

}  // namespace

void CommitQueue::start() {
  assert(threads_.empty());
  {
    const MutexLock lock(mutex_);
    is_open_ = true;
  }
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
}

void CommitQueue::stop() {
  {
    const MutexLock lock(mutex_);
    is_open_ = false;
  }
  added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool CommitQueue::add(std::unique_ptr<Job> job) {
  Jobs one;  // made without the lock
  one.push_back(std::move(job));
  {
    const MutexLock lock(mutex_);
    if (!is_open_) return false;
    jobs_.splice(jobs_.end(), one);
    ++waiting_;
  }
  added_.notify_one();
  return true;
}

void CommitQueue::run() {
  name_this_thread("millrace-commit");
  while (true) {
    Jobs group;
    {
      MutexLock lock(mutex_);
      added_.wait(lock, [this]() REQUIRES(mutex_) { return !is_open_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      group = take_group();
    }
    publish(group);
    waiting_ -= group.size();
  }
}

// As many jobs as a store commits together; at least one.
CommitQueue::Jobs CommitQueue::take_group() noexcept {
  Jobs group;
  std::size_t entries = 0;
  std::size_t bytes = 0;
  while (!jobs_.empty()) {
    const auto publications = jobs_.front()->publications();
    entries += publications.size();
    bytes += data_bytes(publications);
    if (!group.empty() && (entries > kStoreGroupEntries || bytes > kStoreGroupBytes)) break;
    group.splice(group.end(), jobs_, jobs_.begin());
  }
  return group;
}

void CommitQueue::publish(const Jobs& jobs) const noexcept {
  std::vector<Job*> all;
  try {
    all.reserve(jobs.size());
  } catch (const std::bad_alloc&) {
    for (const auto& job : jobs) job->publish_failed(std::current_exception());
    return;
  }
  for (const auto& job : jobs) all.push_back(job.get());
  publish(all);
}

// Publishes the jobs together. If one of them prevents that, it halves them: a few such jobs cost the others few
// commits.
void CommitQueue::publish(std::span<Job* const> jobs) const {
  std::vector<Published> results;
  try {
    results = published(jobs);
  } catch (...) {
    for (Job* const job : jobs) job->publish_failed(std::current_exception());
    return;
  }
  if (jobs.size() > 1 && is_fault_of_one(results.front().outcome)) {
    const std::size_t half = jobs.size() / 2;
    publish(jobs.first(half));
    return publish(jobs.subspan(half));
  }
  std::span<const Published> rest = results;
  for (Job* const job : jobs) {
    const std::size_t count = job->publications().size();
    job->publish_done(rest.first(count));
    rest = rest.subspan(count);
  }
}

std::vector<Published> CommitQueue::published(std::span<Job* const> jobs) const {
  if (jobs.size() == 1) return hub_.publish(jobs.front()->publications());
  std::vector<Publication> all;
  for (const Job* const job : jobs) {
    const auto publications = job->publications();
    all.insert(all.end(), publications.begin(), publications.end());
  }
  return hub_.publish(all);
}

}  // namespace millrace
