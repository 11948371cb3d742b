// Text from outside, made safe for a terminal and a log: on one line, without control characters.
#pragma once

#include <string>
#include <string_view>

namespace millrace::cli {

/// Escapes control characters of ASCII (except tabs) and of Unicode's second block, and Unicode's line ends, as in
/// `\n`, `\x1b`, `\u009b`. Also escapes bytes that are not UTF-8 (`\x9b`), which some terminals treat as control
/// characters.
std::string printable(std::string_view text);

/// The same for JSON text: `\u007f`. JSON itself escapes only characters below U+0020.
std::string printable_json(std::string_view json);

}  // namespace millrace::cli
