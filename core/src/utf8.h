// UTF-8, decoded as in the Encoding standard: every maximal subpart of an invalid sequence becomes one U+FFFD.
#pragma once

#include <string_view>

#include "millrace/core/byte_buffer.h"

namespace millrace::utf8 {

/// Whether `text` contains only bytes below 0x80.
bool is_ascii(std::string_view text);

/// Whether `text` is valid UTF-8.
bool is_valid(std::string_view text);

/// Appends `text` to `out`, with invalid parts replaced by U+FFFD. [Encoding 8.1.1, UTF-8 decoder]
void append_decoded(std::string_view text, ByteBuffer& out);

}  // namespace millrace::utf8
