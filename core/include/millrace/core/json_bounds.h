// What a JSON text from outside may cost before anything is made of it.
//
// A parser builds 40 to 80 bytes for each byte of `[[[[…`, and who walks the result needs stack for each level. So a
// text is measured first: in one pass, without memory.
#pragma once

#include <cstddef>
#include <string_view>

#include "millrace/core/limits.h"

namespace millrace {

enum class JsonBound { kNone, kBytes, kDepth };

/// The bound that `text` exceeds, if it does. Depth counts the brackets and braces that are open at once, outside of
/// strings; whether it is JSON at all is the parser's to say.
JsonBound exceeded_json_bound(std::string_view text, std::size_t max_bytes, int max_depth = kMaxJsonDepth);

}  // namespace millrace
