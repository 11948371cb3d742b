#include "commit_queue.h"

#include <cassert>
#include <iterator>
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

void CommitQueue::start(std::size_t groups) {
  assert(threads_.empty());
  {
    const MutexLock lock(mutex_);
    is_open_ = true;
  }
  for (std::size_t i = 0; i < groups; ++i) threads_.emplace_back([this] { run(); });
}

void CommitQueue::stop() {
  {
    const MutexLock lock(mutex_);
    is_open_ = false;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool CommitQueue::announce() {
  const MutexLock lock(mutex_);
  if (is_open_) ++waiting_;
  return is_open_;
}

void CommitQueue::add(Jobs& jobs) {
  {
    const MutexLock lock(mutex_);
    jobs_.splice(jobs_.end(), jobs);
  }
  changed_.notify_one();
}

std::size_t CommitQueue::waiting() const {
  const MutexLock lock(mutex_);
  return waiting_;
}

void CommitQueue::run() {
  name_this_thread("millrace-commit");
  while (true) {
    Jobs group;
    {
      MutexLock lock(mutex_);
      changed_.wait(lock, [this]() REQUIRES(mutex_) { return !jobs_.empty() || (!is_open_ && waiting_ == 0); });
      if (jobs_.empty()) return;
      group = take_group();
    }
    publish(group);
    give_back(std::move(group));
  }
}

// In the order of the jobs of each source.
void CommitQueue::give_back(Jobs jobs) noexcept {
  const std::size_t count = jobs.size();
  while (!jobs.empty()) {
    Source& source = jobs.front()->source();
    Jobs its_own;
    for (auto job = jobs.begin(); job != jobs.end();) {
      const auto next = std::next(job);
      if (&(*job)->source() == &source) its_own.splice(its_own.end(), jobs, job);
      job = next;
    }
    source.take_back(its_own);
  }
  const MutexLock lock(mutex_);
  waiting_ -= count;
  if (waiting_ == 0 && !is_open_) changed_.notify_all();
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
  std::span<Published> rest = results;
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
