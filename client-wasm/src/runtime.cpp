// Small replacements for functions of the C and C++ libraries, so that the module has no imports.
//
// Compiled without link-time optimization and built-ins, which would turn the copies into calls to themselves.

#include <cstddef>
#include <cstdint>
#include <new>

#ifdef __wasm_simd128__
#include <wasm_simd128.h>
#endif

// The linker's end of static data, by its name.
extern unsigned char __heap_base;  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)

namespace {

// Block sizes are powers of two, with the exponent before the block; freed blocks are kept by exponent. The module
// allocates strings that double and objects of equal size, which reuse such blocks.
constexpr std::size_t kHeaderBytes = 8;  // keeps blocks aligned for all types
constexpr std::size_t kPageBytes = 0x10000;
constexpr std::size_t kExponents = 32;
// Bytes after the last block, so that reads of sixty-four bytes may go beyond its end. [utf16.cpp]
constexpr std::size_t kReadableBytes = 64;

struct FreeBlock {
  FreeBlock* next;
};

FreeBlock* free_blocks[kExponents];
std::uintptr_t heap_end;

std::uint32_t& exponent_of(void* block) {
  return *reinterpret_cast<std::uint32_t*>(static_cast<char*>(block) - kHeaderBytes);
}

// Traps if memory runs out, which JavaScript gets as a WebAssembly.RuntimeError.
std::uintptr_t grow_heap(std::size_t bytes) {
  if (heap_end == 0) heap_end = (reinterpret_cast<std::uintptr_t>(&__heap_base) + 15) & ~std::uintptr_t{15};
  const std::uintptr_t begin = heap_end;
  heap_end += bytes;
  const std::size_t pages = (heap_end + kReadableBytes + kPageBytes - 1) / kPageBytes;
  const std::size_t present = __builtin_wasm_memory_size(0);
  if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == SIZE_MAX) __builtin_trap();
  return begin;
}

}  // namespace

void* operator new(std::size_t bytes) {
  if (bytes > SIZE_MAX / 4) __builtin_trap();
  const auto exponent = static_cast<std::uint32_t>(kExponents - __builtin_clz(bytes + kHeaderBytes - 1));
  if (FreeBlock* const block = free_blocks[exponent]) {
    free_blocks[exponent] = block->next;
    return block;
  }
  // NOLINTNEXTLINE(performance-no-int-to-ptr): new memory begins as an address
  void* const block = reinterpret_cast<void*>(grow_heap(std::size_t{1} << exponent) + kHeaderBytes);
  exponent_of(block) = exponent;
  return block;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  FreeBlock*& head = free_blocks[exponent_of(memory)];
  head = new (memory) FreeBlock{head};
}

void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}

void operator delete[](void* memory) noexcept {
  operator delete(memory);
}

// No type here needs more alignment than every block has.
void* operator new(std::size_t, std::align_val_t) {
  __builtin_trap();
}

void operator delete(void*, std::align_val_t) noexcept {
  __builtin_trap();
}

extern "C" {

void* memmove(void* to, const void* from, std::size_t bytes);

void abort() {
  __builtin_trap();
}

// The library's versions are faster for long texts, but larger; the texts here are short.

void* memchr(const void* text, int wanted, std::size_t bytes) {
  for (const auto* at = static_cast<const unsigned char*>(text); bytes > 0; ++at, --bytes) {
    if (*at == static_cast<unsigned char>(wanted)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}

int memcmp(const void* left, const void* right, std::size_t bytes) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (; bytes > 0; ++a, ++b, --bytes) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

#ifdef __wasm_simd128__

// In today's engines the instruction is a call out of the module: for texts as short as a token, a loop is faster.
void* memcpy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 256) return __builtin_memcpy(to, from, bytes);
  auto* target = static_cast<char*>(to);
  const auto* source = static_cast<const char*>(from);
  if (bytes >= 16) {
    // The last piece overlaps the one before.
    const v128_t last = wasm_v128_load(source + bytes - 16);
    char* const end = target + bytes - 16;
    for (; target < end; target += 16, source += 16) wasm_v128_store(target, wasm_v128_load(source));
    wasm_v128_store(end, last);
    return to;
  }
  for (; bytes > 0; --bytes) *target++ = *source++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  return __builtin_memmove(to, from, bytes);
}

void* memset(void* to, int value, std::size_t bytes) {
  return __builtin_memset(to, value, bytes);
}

#else  // for JavaScript, which has no faster way to copy bytes

void* memcpy(void* to, const void* from, std::size_t bytes) {
  return memmove(to, from, bytes);
}

void* memmove(void* to, const void* from, std::size_t bytes) {
  auto* const target = static_cast<char*>(to);
  const auto* const source = static_cast<const char*>(from);
  if (target < source) {
    for (std::size_t i = 0; i < bytes; ++i) target[i] = source[i];
  } else {
    while (bytes-- > 0) target[bytes] = source[bytes];
  }
  return to;
}

void* memset(void* to, int value, std::size_t bytes) {
  for (auto* at = static_cast<char*>(to); bytes > 0; --bytes) *at++ = static_cast<char>(value);
  return to;
}

#endif

}  // extern "C"
