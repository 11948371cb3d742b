// Text as JavaScript's strings have it, for Node.js, which takes such strings out of memory sooner than any TextDecoder
// makes them. The module for browsers has none of it.

#ifndef MILLRACE_CLIENT_WASM_UTF16_H
#define MILLRACE_CLIENT_WASM_UTF16_H

#include <cstdint>
#include <string_view>

#include "millrace/core/byte_buffer.h"

namespace millrace::utf16 {

/// Whether `text` contains only bytes below 0x80.
bool is_ascii(std::string_view text);

/// Appends UTF-8 `text` to `out` as UTF-16, with invalid parts replaced by U+FFFD, just as a TextDecoder does it, and a
/// CR behind it. Returns how many units the text is long.
std::uint32_t append_text(std::string_view text, ByteBuffer& out);

}  // namespace millrace::utf16

#endif  // MILLRACE_CLIENT_WASM_UTF16_H
