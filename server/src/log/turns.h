// Turns: groups callers that arrive while another group is being served, so that their work is done in one step. Any
// thread.
//
// The first caller of a group does the group's work, after the groups before it; the others wait until it is done. One
// call wakes them all, without a lock. A caller that was just served is likely to come again, so a group whose turn has
// come waits a moment for as many callers as before. Otherwise half of the callers would always wait for the other
// half.
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

/// Entries that a store commits together, if it sets no bound of its own; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupEntries = 1'024;

/// Bytes of data that a store commits together; a larger request is committed alone.
inline constexpr std::size_t kStoreGroupBytes = 4 * 1024 * 1024;

/// A flag that is set once and waited for. On Linux it replaces std::atomic's wait(), which yields the processor
/// several times before it sleeps: hundreds of publishers would each cause useless thread switches.
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
  static_assert(sizeof value_ == sizeof(int));  // the size of a futex
};

template <typename Member>
class Turns {
  struct Group;

 public:
  /// A place in a group. In any case, also after an exception, the destructor of the working place waits for its turn,
  /// passes the turn on, and lets the other members go on, so that none waits for ever. They find their members as the
  /// work has left them.
  class Place {
   public:
    Place(Place&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), group_(std::move(other.group_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (turns_ == nullptr) return;
      pass_on();
      if (ends_) group_->is_done.set();
    }

    /// Whether the owner of this place does the work of the group.
    bool works() const { return turns_ != nullptr; }

    // For the place that works:

    /// Waits for the group's turn; returns its members. Nobody can join the group afterwards.
    const std::vector<Member*>& wait_for_turn() noexcept {
      turns_->wait_for_turn(*group_);
      has_turn_ = true;
      return group_->members;
    }
    /// Passes the turn to the next group, before this group's other members go on. Further calls do nothing.
    void pass_on() noexcept {
      if (has_passed_on_) return;
      if (!has_turn_) wait_for_turn();
      turns_->pass_on();
      has_passed_on_ = true;
    }
    /// Returns the flag that lets the other members go on, instead of this place. After it is set, members must not be
    /// used.
    std::shared_ptr<Flag> take_end() noexcept {
      ends_ = false;
      return {group_, &group_->is_done};
    }

    // For the other places:

    void wait_until_done() const { group_->is_done.wait(); }

   private:
    friend class Turns;
    Place(Turns* turns, std::shared_ptr<Group> group) : turns_(turns), group_(std::move(group)) {}

    Turns* turns_;  // null: another place works
    std::shared_ptr<Group> group_;
    bool has_turn_ = false;
    bool has_passed_on_ = false;
    bool ends_ = true;
  };

  /// A group has at most so many entries.
  explicit Turns(std::size_t most_entries = kStoreGroupEntries) : most_entries_(most_entries) {}

  /// Joins a group of at most that many entries, and kStoreGroupBytes. The member must exist until the place is
  /// destroyed or has been waited for. If it throws, it has not joined.
  Place join(Member& member, std::size_t entries, std::size_t bytes) {
    const MutexLock lock(mutex_);
    if (!queue_.empty()) {
      const std::shared_ptr<Group>& last = queue_.back();
      if (last->is_open && last->entries + entries <= most_entries_ && last->bytes + bytes <= kStoreGroupBytes) {
        last->members.push_back(&member);
        last->entries += entries;
        last->bytes += bytes;
        if (last->members.size() >= expected_) gathered_.notify_one();
        return Place(nullptr, last);
      }
    }
    auto group = std::make_shared<Group>();
    group->members.push_back(&member);
    group->entries = entries;
    group->bytes = bytes;
    return add(std::move(group));
  }

  /// Joins a group that accepts no other member.
  Place alone() {
    const MutexLock lock(mutex_);
    auto group = std::make_shared<Group>();
    group->is_open = false;
    return add(std::move(group));
  }

 private:
  using Clock = std::chrono::steady_clock;
  // How long a group waits for further members: this fraction of the time of the previous group's work, bounded by
  // kMostGathering.
  static constexpr int kGatheringShare = 4;
  static constexpr std::chrono::milliseconds kMostGathering{1};

  struct Group {
    std::vector<Member*> members;  // this and the following are guarded by the mutex while the group is open
    std::size_t entries = 0;
    std::size_t bytes = 0;
    bool is_open = true;  // guarded by the mutex
    Flag is_next;
    Flag is_done;
  };

  // Appends the group to the queue, and closes the group before it.
  Place add(std::shared_ptr<Group> group) REQUIRES(mutex_) {
    queue_.push_back(group);
    if (queue_.size() == 1) {
      group->is_next.set();
    } else if (Group& last = *queue_[queue_.size() - 2]; last.is_open) {
      last.is_open = false;
      gathered_.notify_one();
    }
    return Place(this, std::move(group));
  }

  void wait_for_turn(Group& group) noexcept {
    group.is_next.wait();
    MutexLock lock(mutex_);
    gathered_.wait_for(lock, patience_,
                       [&]() REQUIRES(mutex_) { return !group.is_open || group.members.size() >= expected_; });
    group.is_open = false;
    begun_ = Clock::now();
  }

  // Passes the turn to the next group.
  void pass_on() noexcept {
    const MutexLock lock(mutex_);
    patience_ = std::min<Clock::duration>((Clock::now() - begun_) / kGatheringShare, kMostGathering);
    expected_ = queue_.front()->members.size();
    queue_.pop_front();
    if (queue_.empty()) return;
    expected_ += queue_.front()->members.size();
    queue_.front()->is_next.set();
  }

  const std::size_t most_entries_;
  Mutex mutex_;
  std::deque<std::shared_ptr<Group>> queue_ GUARDED_BY(mutex_);  // the first group has the turn
  Condition gathered_;
  std::size_t expected_ GUARDED_BY(mutex_) =
      0;  // members of the last group, and of the one waiting when it passed the turn on
  Clock::time_point begun_ GUARDED_BY(mutex_);  // when the current work began
  Clock::duration patience_ GUARDED_BY(mutex_){0};
};

}  // namespace millrace
