// Turns: groups callers that arrive while another group is being served, so that their work is done in one step. Any
// thread.
//
// The first caller of a group does the work of the group after the groups before it; the others wait until it is done.
// One call wakes them all, and they need no lock to find out. A caller that was just served is likely to come again: so
// a group whose turn it is waits a moment for as many callers as there were. Otherwise half of the callers would always
// wait for the other half.
#pragma once

#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "mutex.h"

namespace millrace {

/// Entries that a store commits together; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupEntries = 1'024;

/// Bytes of data that a store commits together; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupBytes = 4 * 1024 * 1024;

/// Is set once, and waited for. On Linux in place of std::atomic's wait(), which yields its processor several times
/// before it sleeps: each of hundreds of publishers would switch threads as often, for nothing.
class Flag {
 public:
#ifdef __linux__
  void set() {
    value_.store(1, std::memory_order_release);
    ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  void wait() const {
    while (value_.load(std::memory_order_acquire) == 0) {
      ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
  }
#else
  void set() {
    value_.store(1, std::memory_order_release);
    value_.notify_all();
  }
  void wait() const {
    value_.wait(0, std::memory_order_acquire);
  }
#endif

 private:
  std::atomic<int> value_{0};
  static_assert(sizeof value_ == sizeof(int));  // what a futex is
};

template <typename Member>
class Turns {
  struct Group;

 public:
  /// A place in a group. It is given up when it goes, whatever has happened by then: whoever has the work to do waits
  /// for its turn, if it has not come yet, passes it on, and lets the others of the group go on. They find what they
  /// have brought as the work has left it. So no exception can leave anybody waiting.
  class Place {
   public:
    Place(Place&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), group_(std::move(other.group_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (turns_ == nullptr) return;
      pass_on();
      if (ends_) group_->is_done_.set();
    }

    /// Whether it falls to this one to do the work of all.
    bool works() const { return turns_ != nullptr; }

    // Of the one that works:

    /// The members. Once its turn has come nobody joins the group any more.
    const std::vector<Member*>& wait_for_turn() noexcept {
      turns_->wait_for_turn(*group_);
      has_turn_ = true;
      return group_->members_;
    }
    /// Before the others of the group go on. Once is enough.
    void pass_on() noexcept {
      if (has_passed_on_) return;
      if (!has_turn_) wait_for_turn();
      turns_->pass_on();
      has_passed_on_ = true;
    }
    /// What lets the others go on when it is set, in place of this one. No member may be used after that.
    std::shared_ptr<Flag> take_end() noexcept {
      ends_ = false;
      return {group_, &group_->is_done_};
    }

    // Of the others:

    void wait_until_done() const { group_->is_done_.wait(); }

   private:
    friend class Turns;
    Place(Turns* turns, std::shared_ptr<Group> group) : turns_(turns), group_(std::move(group)) {}

    Turns* turns_;  // null: another one works
    std::shared_ptr<Group> group_;
    bool has_turn_ = false;
    bool has_passed_on_ = false;
    bool ends_ = true;
  };

  /// A place in a group of at most kStoreGroupEntries and kStoreGroupBytes. The member must stay until the place has
  /// been given up, or been waited for. Where it throws, nobody has joined.
  Place join(Member& member, std::size_t entries, std::size_t bytes) {
    const MutexLock lock(mutex_);
    if (!queue_.empty()) {
      const std::shared_ptr<Group>& last = queue_.back();
      if (last->is_open_ && last->entries_ + entries <= kStoreGroupEntries &&
          last->bytes_ + bytes <= kStoreGroupBytes) {
        last->members_.push_back(&member);
        last->entries_ += entries;
        last->bytes_ += bytes;
        if (last->members_.size() >= expected_) gathered_.notify_one();
        return Place(nullptr, last);
      }
    }
    auto group = std::make_shared<Group>();
    group->members_.push_back(&member);
    group->entries_ = entries;
    group->bytes_ = bytes;
    return add(std::move(group));
  }

  /// In a group that nobody joins.
  Place alone() {
    const MutexLock lock(mutex_);
    auto group = std::make_shared<Group>();
    group->is_open_ = false;
    return add(std::move(group));
  }

 private:
  using Clock = std::chrono::steady_clock;
  // How long a group waits for others: this part of what the work before took, and no longer than that.
  static constexpr int kGatheringShare = 4;
  static constexpr std::chrono::milliseconds kMostGathering{1};

  struct Group {
    std::vector<Member*> members_;  // guarded by the mutex while it is open, as what follows
    std::size_t entries_ = 0;
    std::size_t bytes_ = 0;
    bool is_open_ = true;  // guarded by the mutex
    Flag is_next_;
    Flag is_done_;
  };

  // Behind the others, of which nobody joins the last any more.
  Place add(std::shared_ptr<Group> group) REQUIRES(mutex_) {
    queue_.push_back(group);
    if (queue_.size() == 1) {
      group->is_next_.set();
    } else if (Group& last = *queue_[queue_.size() - 2]; last.is_open_) {
      last.is_open_ = false;
      gathered_.notify_one();
    }
    return Place(this, std::move(group));
  }

  void wait_for_turn(Group& group) noexcept {
    group.is_next_.wait();
    MutexLock lock(mutex_);
    gathered_.wait_for(lock, patience_,
                       [&]() REQUIRES(mutex_) { return !group.is_open_ || group.members_.size() >= expected_; });
    group.is_open_ = false;
    begun_ = Clock::now();
  }

  // To the next group, by the one whose turn it is.
  void pass_on() noexcept {
    const MutexLock lock(mutex_);
    patience_ = std::min<Clock::duration>((Clock::now() - begun_) / kGatheringShare, kMostGathering);
    expected_ = queue_.front()->members_.size();
    queue_.pop_front();
    if (queue_.empty()) return;
    expected_ += queue_.front()->members_.size();
    queue_.front()->is_next_.set();
  }

  Mutex mutex_;
  std::deque<std::shared_ptr<Group>> queue_ GUARDED_BY(mutex_);  // the first's turn it is
  Condition gathered_;
  std::size_t expected_ GUARDED_BY(mutex_) = 0;  // members of the last group, and who was waiting when it passed on
  Clock::time_point begun_ GUARDED_BY(mutex_);   // the work of whose turn it is
  Clock::duration patience_ GUARDED_BY(mutex_){0};
};

}  // namespace millrace
