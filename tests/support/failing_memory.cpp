#include "failing_memory.h"

#include <cstdlib>
#include <new>

namespace {

// How many allocations there are until the one that fails; below zero: it is over, or there is to be none.
thread_local std::int64_t t_left = -1;

void* allocated(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void count() {
  if (t_left >= 0 && --t_left == 0) {
    t_left = -1;
    throw std::bad_alloc();
  }
}

}  // namespace

void* operator new(std::size_t size) {
  count();
  return allocated(std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  count();
  const auto align = static_cast<std::size_t>(alignment);
  return allocated(std::aligned_alloc(align, (size + align - 1) / align * align));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace millrace::test {

FailingAllocation::FailingAllocation(std::int64_t number) : number_(number) {
  t_left = number;
}

FailingAllocation::~FailingAllocation() {
  t_left = -1;
}

bool FailingAllocation::has_failed() const {
  return t_left < 0;
}

std::int64_t FailingAllocation::count() const {
  return number_ - t_left;
}

}  // namespace millrace::test
