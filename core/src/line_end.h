// The search for line ends, through which every byte of an event stream passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace millrace {

inline bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

/// Returns the first CR or LF in [begin, end), or `end`.
inline const char* find_line_end(const char* begin, const char* end) {
#if defined(__SSE2__)
  const __m128i line_feed = _mm_set1_epi8('\n');
  const __m128i carriage_return = _mm_set1_epi8('\r');
  for (; end - begin >= 16; begin += 16) {
    __m128i bytes;
    std::memcpy(&bytes, begin, sizeof bytes);
    const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, line_feed), _mm_cmpeq_epi8(bytes, carriage_return));
    if (const int mask = _mm_movemask_epi8(found); mask != 0) return begin + __builtin_ctz(static_cast<unsigned>(mask));
  }
#elif defined(__wasm_simd128__)
  const v128_t line_feed = wasm_i8x16_splat('\n');
  const v128_t carriage_return = wasm_i8x16_splat('\r');
  for (; end - begin >= 16; begin += 16) {
    const v128_t bytes = wasm_v128_load(begin);
    const v128_t found = wasm_v128_or(wasm_i8x16_eq(bytes, line_feed), wasm_i8x16_eq(bytes, carriage_return));
    if (const auto mask = wasm_i8x16_bitmask(found); mask != 0) return begin + __builtin_ctz(mask);
  }
#else
  // Eight bytes at a time: a byte of (x - 0x01..) & ~x & 0x80.. is set where a byte of x is zero.
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  const auto zero_byte = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighBits; };
  for (; end - begin >= 8; begin += 8) {
    std::uint64_t word;
    std::memcpy(&word, begin, sizeof word);
    if ((zero_byte(word ^ (kOnes * '\n')) | zero_byte(word ^ (kOnes * '\r'))) != 0) break;
  }
#endif
  while (begin != end && !is_line_end(*begin)) ++begin;
  return begin;
}

}  // namespace millrace
