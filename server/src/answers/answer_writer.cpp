#include "answer_writer.h"

#include <algorithm>
#include <utility>

#include "loop/event_loop.h"
#include "millrace/server/limits.h"
#include "thread_name.h"

namespace millrace {

AnswerWriter::AnswerWriter(Ports ports)
    : ports_(std::move(ports)), next_tick_(monotonic_now() + kTick), thread_([this] {
        name_this_thread("millrace-answer");
        work();
      }) {}

void AnswerWriter::enqueue(AnswerPtr answer) {
  const MutexLock lock(mutex_);
  if (queue_.empty()) queued_since_ = monotonic_now();
  queue_.push_back(std::move(answer));
  if (queue_.size() == 1) changed_.notify_all();
}

void AnswerWriter::wake_at(TimePoint time, AnswerPtr answer) {
  const MutexLock lock(mutex_);
  const bool is_first = clocks_.empty() || time < clocks_.begin()->first;
  clocks_.emplace(time, std::move(answer));
  if (is_first) changed_.notify_all();
}

void AnswerWriter::cancel(TimePoint time, const AnswerPtr& answer) {
  const MutexLock lock(mutex_);
  clocks_.erase({time, answer});
}

void AnswerWriter::run(std::function<void()> task) {
  const MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) changed_.notify_all();
}

void AnswerWriter::stop(Duration within) {
  {
    const MutexLock lock(mutex_);
    if (!stops_at_) stops_at_ = monotonic_now() + within;
    changed_.notify_all();
  }
  thread_.join();
}

void AnswerWriter::wait_for_work(MutexLock& lock) {
  while (!stops_at_ && tasks_.empty()) {
    const TimePoint now = monotonic_now();
    TimePoint until = next_tick_;
    if (!clocks_.empty()) until = std::min(until, clocks_.begin()->first);
    if (!queue_.empty()) until = std::min(until, queued_since_ + ports_.batch);
    if (until <= now) return;
    changed_.wait_for(lock, until - now);
  }
}

void AnswerWriter::work() {
  MutexLock lock(mutex_);
  while (!stops_at_ || !queue_.empty()) {
    wait_for_work(lock);
    std::vector<AnswerPtr> answers;
    if (stops_at_ || (!queue_.empty() && monotonic_now() >= queued_since_ + ports_.batch)) answers.swap(queue_);
    const auto tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (const auto& task : tasks) task();
    for (const Commit& commit : commits_of(std::move(answers))) write(commit);
    look_at_clocks();
    lock.lock();
  }
}

std::vector<AnswerWriter::Commit> AnswerWriter::commits_of(std::vector<AnswerPtr> answers) const {
  std::vector<Commit> commits;
  for (AnswerPtr& answer : answers) {
    std::vector<Answer::State::Entry> entries = answer->take_entries();
    if (commits.empty() || commits.back().entries + entries.size() > kEntriesAtOnce) commits.emplace_back();
    commits.back().entries += entries.size();
    commits.back().parts.push_back({std::move(answer), std::move(entries)});
  }
  return commits;
}

// An answer's entries stay in order, since one commit is written after the other.
void AnswerWriter::write(const Commit& commit) {
  while (!ports_.publish(commit)) {
    if (!pause(kStoreRetry)) break;
    look_at_clocks();
  }
  report(commit);
}

// False if the service ends, and its time is over.
bool AnswerWriter::pause(Duration pause) {
  MutexLock lock(mutex_);
  const TimePoint until = monotonic_now() + pause;
  while (true) {
    const TimePoint now = monotonic_now();
    if (stops_at_ && now >= *stops_at_) return false;
    const TimePoint end = stops_at_ ? std::min(until, *stops_at_) : until;
    if (now >= end) return true;
    changed_.wait_for(lock, end - now);
  }
}

void AnswerWriter::report(const Commit& commit) {
  for (const Commit::Part& part : commit.parts) {
    std::size_t cost = 0;
    for (const auto& entry : part.entries) cost += entry.cost();
    part.answer->wrote(cost);
  }
}

void AnswerWriter::look_at_clocks() {
  const TimePoint now = monotonic_now();
  std::vector<AnswerPtr> due;
  bool ticks = false;
  {
    const MutexLock lock(mutex_);
    while (!clocks_.empty() && clocks_.begin()->first <= now) {
      due.push_back(std::move(clocks_.extract(clocks_.begin()).value().second));
    }
    ticks = now >= next_tick_;
    if (ticks) next_tick_ = now + kTick;
  }
  for (const AnswerPtr& answer : due) answer->look_at_clock();
  if (ticks) ports_.on_tick();
}

}  // namespace millrace
