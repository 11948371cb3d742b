// A step of decoding UTF-8, for all that does it. [Encoding 8.1.1, UTF-8 decoder]
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::utf8 {

struct Sequence {
  std::size_t bytes;  // of the code point, or of the maximal subpart that is not one
  bool valid;
};

/// The code point, or the maximal subpart of one, that non-empty `text` begins with. The first continuation byte's
/// range depends on the lead byte: that is how overlong forms, surrogates and what lies beyond U+10FFFF are kept out.
inline Sequence first_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};

  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  std::uint8_t lower = 0x80;
  std::uint8_t upper = 0xBF;
  if (lead == 0xE0) lower = 0xA0;
  if (lead == 0xED) upper = 0x9F;
  if (lead == 0xF0) lower = 0x90;
  if (lead == 0xF4) upper = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size() || byte(i) < lower || byte(i) > upper) return {i, false};
    lower = 0x80;
    upper = 0xBF;
  }
  return {length, true};
}

}  // namespace millrace::utf8
