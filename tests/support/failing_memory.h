// Makes one allocation fail: a program is linked with failing_memory.cpp for it.
#pragma once

#include <cstdint>

namespace millrace::test {

/// While it lives, of this thread's allocations the `number`th from now on, from 1, throws std::bad_alloc; the others
/// do not.
class FailingAllocation {
 public:
  explicit FailingAllocation(std::int64_t number);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  /// Whether it has come to it.
  bool has_failed() const;
  /// How many there have been, if none has failed.
  std::int64_t count() const;

 private:
  const std::int64_t number_;
};

}  // namespace millrace::test
