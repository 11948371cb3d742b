// UTF-8 as the Encoding standard decodes it: every maximal subpart of an ill-formed sequence becomes one U+FFFD.
#pragma once

#include <string_view>

#include "millrace/core/byte_buffer.h"

namespace millrace::utf8 {

/// Whether `text` holds bytes below 0x80 only.
bool is_ascii(std::string_view text);

/// Whether `text` is well-formed UTF-8.
bool is_valid(std::string_view text);

/// Appends `text` to `out`, ill-formed parts replaced by U+FFFD. [Encoding 8.1.1, UTF-8 decoder]
void append_decoded(std::string_view text, ByteBuffer& out);

}  // namespace millrace::utf8
