// Turns: who comes while another is at work waits together with those who come then, and what they bring is done in one
// go. Any thread.
//
// The first of a group does its work, when the groups before have passed on; the others wait until it is done: one call
// wakes them all, and they need no lock to find out. Whoever has just been served is likely to come back with more: a
// group whose turn it is waits a moment for as many as there are. Else half of them would always wait for the other
// half.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "millrace/core/limits.h"

namespace millrace {

/// Is set once, and waited for. In place of std::atomic's wait(), which yields its processor several times
/// before it sleeps: each of hundreds of publishers would switch threads as often, for nothing.
class Flag {
 public:
  void set() {
    value_.store(1, std::memory_order_release);
    ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  void wait() const {
    while (value_.load(std::memory_order_acquire) == 0) {
      ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }

 private:
  std::atomic<int> value_{0};
  static_assert(sizeof value_ == sizeof(int));  // what a futex is
};

template <typename Member>
class Turns {
 public:
  class Group {
   public:
    /// Once its turn has come nobody joins it any more.
    const std::vector<Member*>& members() const { return members_; }
    void wait_until_done() const { is_done_.wait(); }
    /// No member may be used after this.
    void end() { is_done_.set(); }

   private:
    friend class Turns;
    std::vector<Member*> members_;  // guarded by the mutex while it is open, as what follows
    std::size_t entries_ = 0;
    std::size_t bytes_ = 0;
    bool is_open_ = true;  // guarded by the mutex
    Flag is_next_;
    Flag is_done_;
  };

  /// The group that it has become part of, of at most kStoreGroupEntries and kStoreGroupBytes, and whether it falls to
  /// this one to do the work: wait_for_turn(), pass_on(), Group::end(). It must stay until that is done.
  std::pair<std::shared_ptr<Group>, bool> join(Member& member, std::size_t entries, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty()) {
      const std::shared_ptr<Group>& last = queue_.back();
      if (last->is_open_ && last->entries_ + entries <= kStoreGroupEntries &&
          last->bytes_ + bytes <= kStoreGroupBytes) {
        last->members_.push_back(&member);
        last->entries_ += entries;
        last->bytes_ += bytes;
        if (last->members_.size() >= expected_) gathered_.notify_one();
        return {last, false};
      }
      close(*last);
    }
    const std::shared_ptr<Group> group = add();
    group->members_.push_back(&member);
    group->entries_ = entries;
    group->bytes_ = bytes;
    return {group, true};
  }

  /// One that nobody joins.
  std::shared_ptr<Group> alone() {
    const std::lock_guard lock(mutex_);
    if (!queue_.empty()) close(*queue_.back());
    std::shared_ptr<Group> group = add();
    group->is_open_ = false;
    return group;
  }

  void wait_for_turn(Group& group) {
    group.is_next_.wait();
    std::unique_lock lock(mutex_);
    gathered_.wait_for(lock, patience_, [&] { return !group.is_open_ || group.members_.size() >= expected_; });
    group.is_open_ = false;
    begun_ = Clock::now();
  }

  /// To the next group, by the one whose turn it is.
  void pass_on() {
    const std::lock_guard lock(mutex_);
    patience_ = std::min<Clock::duration>((Clock::now() - begun_) / kGatheringShare, kMostGathering);
    expected_ = queue_.front()->members_.size();
    queue_.pop_front();
    if (queue_.empty()) return;
    expected_ += queue_.front()->members_.size();
    queue_.front()->is_next_.set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  // How long a group waits for others: this part of what the work before took, and no longer than that.
  static constexpr int kGatheringShare = 4;
  static constexpr std::chrono::milliseconds kMostGathering{1};

  void close(Group& group) {
    group.is_open_ = false;
    gathered_.notify_one();
  }
  std::shared_ptr<Group> add() {
    auto group = std::make_shared<Group>();
    if (queue_.empty()) group->is_next_.set();
    queue_.push_back(group);
    return group;
  }

  std::mutex mutex_;
  std::deque<std::shared_ptr<Group>> queue_;  // guarded by mutex_, as what follows; the first's turn it is
  std::condition_variable gathered_;
  std::size_t expected_ = 0;  // members of the last group, and who was waiting when it passed on
  Clock::time_point begun_;   // the work of whose turn it is
  Clock::duration patience_{0};
};

}  // namespace millrace
