#include "loop_commits.h"

namespace millrace {

bool LoopCommits::add(CommitQueue::Jobs& one) {
  if (queue_ == nullptr || !queue_->announce()) return false;
  added_.splice(added_.end(), one);
  return true;
}

bool LoopCommits::add_at_once(CommitQueue::Jobs& one) noexcept {
  if (queue_ == nullptr || !queue_->announce()) return false;
  queue_->add(one);
  return true;
}

void LoopCommits::pass_on() {
  if (!added_.empty()) queue_->add(added_);
}

void LoopCommits::take_back(CommitQueue::Jobs& jobs) noexcept {
  {
    const MutexLock lock(mutex_);
    committed_.splice(committed_.end(), jobs);
  }
  loop_.wake();
}

void LoopCommits::finish_committed() {
  CommitQueue::Jobs jobs;
  {
    const MutexLock lock(mutex_);
    jobs.swap(committed_);
  }
  for (const auto& job : jobs) job->finish();
}

}  // namespace millrace
