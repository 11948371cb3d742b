#include "utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "utf8_sequence.h"

namespace millrace::utf8 {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace

bool is_ascii(std::string_view text) {
  // Eight bytes at a time: compilers turn this into the machine's widest OR.
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t high_bits = 0;
  for (; left >= 64; at += 64, left -= 64) {
    std::uint64_t words[8];
    std::memcpy(words, at, sizeof words);
    for (const std::uint64_t word : words) high_bits |= word;
  }
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    high_bits |= word;
  }
  std::uint8_t tail = 0;
  for (; left > 0; ++at, --left) tail |= static_cast<std::uint8_t>(*at);
  return (high_bits & 0x8080808080808080) == 0 && tail < 0x80;
}

bool is_valid(std::string_view text) {
  while (!text.empty()) {
    // Text in most scripts has runs of ASCII: those go by the word.
    std::uint64_t word;
    while (text.size() >= sizeof word) {
      std::memcpy(&word, text.data(), sizeof word);
      if ((word & 0x8080808080808080) != 0) break;
      text.remove_prefix(sizeof word);
    }
    while (!text.empty() && static_cast<std::uint8_t>(text[0]) < 0x80) text.remove_prefix(1);
    if (text.empty()) return true;
    const Sequence sequence = first_sequence(text);
    if (!sequence.valid) return false;
    text.remove_prefix(sequence.bytes);
  }
  return true;
}

void append_decoded(std::string_view text, ByteBuffer& out) {
  while (!text.empty()) {
    const Sequence sequence = first_sequence(text);
    out.append(sequence.valid ? text.substr(0, sequence.bytes) : kReplacement);
    text.remove_prefix(sequence.bytes);
  }
}

}  // namespace millrace::utf8
