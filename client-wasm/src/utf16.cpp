#include "utf16.h"

#include <wasm_simd128.h>

#include <algorithm>
#include <cstddef>

#include "utf8_sequence.h"

namespace millrace::utf16 {

namespace {

constexpr std::ptrdiff_t kAtOnce = 16;
constexpr char16_t kReplacement = 0xFFFD;

std::uint32_t low_bits(char byte) {
  return static_cast<std::uint8_t>(byte) & 0x3Fu;
}

bool is_continuation(char byte) {
  return static_cast<signed char>(byte) < -64;
}

bool is_beyond(char byte) {
  return static_cast<signed char>(byte) < 0;
}

// `text` is one complete code point.
std::uint32_t code_point(std::string_view text) {
  const std::uint32_t lead = static_cast<std::uint8_t>(text[0]);
  if (text.size() == 1) return lead;
  if (text.size() == 2) return (lead & 0x1F) << 6 | low_bits(text[1]);
  if (text.size() == 3) return (lead & 0x0F) << 12 | low_bits(text[1]) << 6 | low_bits(text[2]);
  return (lead & 0x07) << 18 | low_bits(text[1]) << 12 | low_bits(text[2]) << 6 | low_bits(text[3]);
}

// Decodes a sequence of two or three bytes that needs no checks for particular first bytes, as most text beyond ASCII
// has. Returns the number of its bytes at the front of non-empty `text`, or 0.
std::size_t common_sequence(std::string_view text, char16_t& unit) {
  if (text.size() < 3 || !is_continuation(text[1])) return 0;
  const std::uint32_t lead = static_cast<std::uint8_t>(text[0]);
  if (lead >= 0xC2 && lead < 0xE0) {
    unit = static_cast<char16_t>((lead & 0x1F) << 6 | low_bits(text[1]));
    return 2;
  }
  if (lead > 0xE0 && lead < 0xED && is_continuation(text[2])) {
    unit = static_cast<char16_t>((lead & 0x0F) << 12 | low_bits(text[1]) << 6 | low_bits(text[2]));
    return 3;
  }
  return 0;
}

char16_t* put(std::uint32_t code, char16_t* to) {
  if (code < 0x10000) {
    *to++ = static_cast<char16_t>(code);
  } else {
    *to++ = static_cast<char16_t>(0xD7C0 + (code >> 10));
    *to++ = static_cast<char16_t>(0xDC00 + (code & 0x3FF));
  }
  return to;
}

// Appends the first code point of non-empty `text`, or U+FFFD for invalid UTF-8, and returns the number of bytes read.
std::size_t put_sequence(std::string_view text, char16_t*& to) {
  if (const std::size_t bytes = common_sequence(text, *to)) {
    ++to;
    return bytes;
  }
  const utf8::Sequence sequence = utf8::first_sequence(text);
  to = put(sequence.valid ? code_point(text.substr(0, sequence.bytes)) : kReplacement, to);
  return sequence.bytes;
}

// Copies thirty-two bytes of ASCII.
void put_ascii(const char* from, char16_t* to) {
  for (int i = 0; i < 2; ++i, from += kAtOnce, to += kAtOnce) {
    const v128_t bytes = wasm_v128_load(from);
    wasm_v128_store(to, wasm_u16x8_extend_low_u8x16(bytes));
    wasm_v128_store(to + 8, wasm_u16x8_extend_high_u8x16(bytes));
  }
}

// The next sixty-four bytes of a text, or its rest. All of them are looked at before the first is copied: what is found
// in one run of ASCII need not be waited for to find the next.
struct Block {
  const char* begin;
  const char* end;
  std::uint64_t others = 0;  // a bit for each byte beyond ASCII

  // May read beyond the text: kReadableBytes of runtime.cpp are there.
  Block(const char* from, const char* text_end) : begin(from), end(std::min(from + 64, text_end)) {
    for (int i = 3; i >= 0; --i) others = others << kAtOnce | wasm_i8x16_bitmask(wasm_v128_load(from + i * kAtOnce));
  }

  // The bytes of ASCII from `at` on.
  std::ptrdiff_t ascii_at(const char* at) const {
    const std::uint64_t rest = others >> (at - begin);
    return rest == 0 ? end - at : std::min<std::ptrdiff_t>(__builtin_ctzll(rest), end - at);
  }
};

}  // namespace

bool is_ascii(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; end - at >= 4 * kAtOnce; at += 4 * kAtOnce) {
    const v128_t front = wasm_v128_or(wasm_v128_load(at), wasm_v128_load(at + kAtOnce));
    const v128_t back = wasm_v128_or(wasm_v128_load(at + 2 * kAtOnce), wasm_v128_load(at + 3 * kAtOnce));
    if (wasm_i8x16_bitmask(wasm_v128_or(front, back)) != 0) return false;
  }
  while (at != end && !is_beyond(*at)) ++at;
  return at == end;
}

std::uint32_t append_text(std::string_view text, ByteBuffer& out) {
  // At most one unit per byte; ASCII is written thirty-two units at a time, possibly beyond the end.
  auto* const begin = reinterpret_cast<char16_t*>(out.room_for((text.size() + 2 * kAtOnce) * sizeof(char16_t)));
  char16_t* to = begin;
  const char* const end = text.data() + text.size();
  for (const char* from = text.data(); from < end;) {
    const Block block(from, end);
    do {
      const std::ptrdiff_t ascii = block.ascii_at(from);
      put_ascii(from, to);
      if (ascii > 2 * kAtOnce) put_ascii(from + 2 * kAtOnce, to + 2 * kAtOnce);
      to += ascii;
      from += ascii;
      while (from < block.end && is_beyond(*from))
        from += put_sequence({from, static_cast<std::size_t>(end - from)}, to);
    } while (from < block.end);
  }
  const auto units = static_cast<std::uint32_t>(to - begin);
  *to = u'\r';
  out.add_written((units + 1) * sizeof(char16_t));
  return units;
}

}  // namespace millrace::utf16
