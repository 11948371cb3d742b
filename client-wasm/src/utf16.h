// Text in the form of JavaScript strings, for Node.js, which copies such strings from memory faster than a TextDecoder
// makes them. The module for browsers does not contain it.

#ifndef MILLRACE_CLIENT_WASM_UTF16_H
#define MILLRACE_CLIENT_WASM_UTF16_H

#include <cstdint>
#include <string_view>

#include "millrace/core/byte_buffer.h"

namespace millrace::utf16 {

/// Whether `text` contains only bytes below 0x80.
bool is_ascii(std::string_view text);

/// Appends UTF-8 `text` to `out` as UTF-16, with invalid parts replaced by U+FFFD as by a TextDecoder, and then a CR.
/// Returns the units of the text.
std::uint32_t append_text(std::string_view text, ByteBuffer& out);

}  // namespace millrace::utf16

#endif  // MILLRACE_CLIENT_WASM_UTF16_H
