// Bounds of a JSON text from outside, checked before it is parsed.
//
// A parser uses 40 to 80 bytes for each byte of `[[[[…`, and code that walks the result needs stack for each level. So
// the text is measured first, in one pass and without memory.
#pragma once

#include <cstddef>
#include <string_view>

#include "millrace/core/limits.h"

namespace millrace {

/// What a JSON text has too much of.
enum class JsonBound {
  kNone,   ///< nothing
  kBytes,  ///< it is longer than `max_bytes`
  kDepth,  ///< it is nested deeper than `max_depth`
};

/// Returns the bound that `text` exceeds, if any. Depth counts the brackets and braces that are open at once, outside
/// strings. Does not check whether `text` is JSON.
JsonBound exceeded_json_bound(std::string_view text, std::size_t max_bytes, int max_depth = kMaxJsonDepth);

}  // namespace millrace
