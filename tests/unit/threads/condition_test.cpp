#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <thread>

#include "mutex.h"

namespace millrace::test {
namespace {

using std::chrono::milliseconds;

TEST(ACondition, WaitsForAnyTimeHoweverLong) {
  Mutex mutex;
  Condition opened;
  bool is_open = false;
  MutexLock lock(mutex);
  std::thread opener([&] {
    const MutexLock opening(mutex);  // once wait_for() has released it
    is_open = true;
    opened.notify_all();
  });
  EXPECT_TRUE(opened.wait_for(lock, milliseconds::max(), [&] { return is_open; }));
  lock.unlock();
  opener.join();
}

TEST(ACondition, DoesNotWaitForANegativeTime) {
  Mutex mutex;
  Condition condition;
  MutexLock lock(mutex);
  EXPECT_FALSE(condition.wait_for(lock, milliseconds{-1}, [] { return false; }));
  EXPECT_EQ(condition.wait_for(lock, milliseconds::min()), std::cv_status::timeout);
}

}  // namespace
}  // namespace millrace::test
