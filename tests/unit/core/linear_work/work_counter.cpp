#include "work_counter.h"

#include <cstddef>

namespace {

std::uint64_t work = 0;

using Byte = unsigned char;

}  // namespace

namespace millrace::test {

std::uint64_t work_done() {
  return work;
}

}  // namespace millrace::test

// The names are the compiler's and the C library's. Every call in the program, libstdc++'s too, comes here.
extern "C" {

void __sanitizer_cov_trace_pc() {
  ++work;
}

void* memcpy(void* to, const void* from, std::size_t size) {
  work += size;
  for (std::size_t i = 0; i < size; ++i) static_cast<Byte*>(to)[i] = static_cast<const Byte*>(from)[i];
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  if (to <= from) return memcpy(to, from, size);
  work += size;
  for (std::size_t i = size; i > 0; --i) static_cast<Byte*>(to)[i - 1] = static_cast<const Byte*>(from)[i - 1];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  work += size;
  for (std::size_t i = 0; i < size; ++i) static_cast<Byte*>(to)[i] = static_cast<Byte>(value);
  return to;
}

void* memchr(const void* in, int value, std::size_t size) {
  const auto* const bytes = static_cast<const Byte*>(in);
  for (std::size_t i = 0; i < size; ++i) {
    ++work;
    if (bytes[i] == static_cast<Byte>(value)) return const_cast<Byte*>(bytes + i);
  }
  return nullptr;
}

int memcmp(const void* left, const void* right, std::size_t size) {
  const auto* const a = static_cast<const Byte*>(left);
  const auto* const b = static_cast<const Byte*>(right);
  for (std::size_t i = 0; i < size; ++i) {
    ++work;
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

}  // extern "C"
