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
};

}  // namespace millrace::test
