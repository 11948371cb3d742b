// Mutex, MutexLock and Condition: the standard library's, with what Clang's thread-safety analysis wants to know.
//
//   mutable Mutex mutex_;
//   std::deque<Task> tasks_ GUARDED_BY(mutex_);
//   void add(Task task) REQUIRES(mutex_);        // the caller holds it
//
// `./run check threads` then refuses what reads or writes tasks_, or calls add(), without the mutex. Constructors and
// destructors are not looked at. The analysis takes each lambda for a function of its own: one that Condition calls is
// written `[&]() REQUIRES(mutex_) { … }`.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

// Macros, since GCC does not know these attributes, and Clang knows them in GNU's spelling only.
#if defined(__clang__)
#define MILLRACE_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define MILLRACE_THREAD_SAFETY(attribute)
#endif
#define GUARDED_BY(mutex) MILLRACE_THREAD_SAFETY(guarded_by(mutex))
#define PT_GUARDED_BY(mutex) MILLRACE_THREAD_SAFETY(pt_guarded_by(mutex))  // what the pointer points to
#define REQUIRES(...) MILLRACE_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MILLRACE_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
// What the analysis cannot follow, with the reason beside it.
#define NO_THREAD_SAFETY_ANALYSIS MILLRACE_THREAD_SAFETY(no_thread_safety_analysis)

namespace millrace {

class MILLRACE_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  void lock() MILLRACE_THREAD_SAFETY(acquire_capability()) { mutex_.lock(); }
  void unlock() MILLRACE_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }

 private:
  friend class MutexLock;
  std::mutex mutex_;
};

/// Holds a mutex until its destructor or unlock() releases it.
class MILLRACE_THREAD_SAFETY(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MILLRACE_THREAD_SAFETY(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~MutexLock() MILLRACE_THREAD_SAFETY(release_capability()) {}  // NOLINT(modernize-use-equals-default): the attribute
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() MILLRACE_THREAD_SAFETY(acquire_capability()) { lock_.lock(); }
  void unlock() MILLRACE_THREAD_SAFETY(release_capability()) { lock_.unlock(); }

 private:
  friend class Condition;
  std::unique_lock<std::mutex> lock_;
};

/// Waiting releases the mutex and acquires it again, which the analysis need not know.
class Condition {
 public:
  /// Longest wait_for(): the sum of a longer one and the present time could overflow.
  static constexpr std::chrono::hours kLongestWait{24};

  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }

  template <typename Predicate>
  void wait(MutexLock& lock, Predicate predicate) {
    condition_.wait(lock.lock_, std::move(predicate));
  }

  template <typename Span>
  std::cv_status wait_for(MutexLock& lock, const Span& span) {
    return condition_.wait_for(lock.lock_, bounded(span));
  }

  template <typename Span, typename Predicate>
  bool wait_for(MutexLock& lock, const Span& span, Predicate predicate) {
    return condition_.wait_for(lock.lock_, bounded(span), std::move(predicate));
  }

  template <typename Time>
  std::cv_status wait_until(MutexLock& lock, const Time& time) {
    return condition_.wait_until(lock.lock_, time);
  }

  template <typename Time, typename Predicate>
  bool wait_until(MutexLock& lock, const Time& time, Predicate predicate) {
    return condition_.wait_until(lock.lock_, time, std::move(predicate));
  }

 private:
  template <typename Span>
  static constexpr Span bounded(const Span& span) {
    return std::clamp(span, Span::zero(), std::chrono::duration_cast<Span>(kLongestWait));
  }

  std::condition_variable condition_;
};

}  // namespace millrace
