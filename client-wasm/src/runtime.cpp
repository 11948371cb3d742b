// What the C library would ask JavaScript or the host for, done inside the module instead, so that it imports nothing.
//
// abort() traps, which JavaScript sees as a WebAssembly.RuntimeError; memory grows by the instruction, unannounced
// (core.ts makes its views anew); copies are single instructions. Compiled without link-time optimization and
// built-ins, which would turn the copies into calls of themselves.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

extern "C" {

extern unsigned char __heap_base;  // where the linker puts the end of what is static

namespace {
constexpr std::size_t kPageBytes = 0x10000;
std::uintptr_t heap_end = reinterpret_cast<std::uintptr_t>(&__heap_base);
}  // namespace

void* sbrk(std::intptr_t bytes) {
  constexpr std::uintptr_t kAlignment = 16;
  const std::uintptr_t begin = heap_end;
  const std::uintptr_t end = (begin + static_cast<std::uintptr_t>(bytes) + kAlignment - 1) & ~(kAlignment - 1);
  const std::size_t pages = (end + kPageBytes - 1) / kPageBytes;
  const std::size_t present = __builtin_wasm_memory_size(0);
  if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == SIZE_MAX) {
    return reinterpret_cast<void*>(UINTPTR_MAX);
  }
  heap_end = end;
  return reinterpret_cast<void*>(begin);
}

std::size_t emscripten_get_heap_size() {
  return __builtin_wasm_memory_size(0) * kPageBytes;
}

std::size_t emscripten_get_heap_max() {
  return SIZE_MAX - kPageBytes + 1;
}

void abort() {
  __builtin_trap();
}

void* memcpy(void* to, const void* from, std::size_t bytes) {
  return __builtin_memcpy(to, from, bytes);
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void* memset(void* to, int value, std::size_t bytes) {
  return __builtin_memset(to, value, bytes);
}

}  // extern "C"

void* operator new(std::size_t bytes) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) __builtin_trap();
  return memory;
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}
