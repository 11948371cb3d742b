// Text from outside, as a terminal and a log may have it: on one line, and without what a terminal would obey.
#pragma once

#include <string>
#include <string_view>

namespace millrace::cli {

/// Control characters, of ASCII (but tabs) and of Unicode's second block of them, and Unicode's own line ends come as
/// escapes: `\n`, `\x1b`, `\u009b`. Bytes that are no UTF-8, which some terminals take for such characters, too:
/// `\x9b`.
std::string printable(std::string_view text);

/// The same inside of JSON that has been written already: `\u007f`. JSON itself escapes but those below U+0020.
std::string printable_json(std::string_view json);

}  // namespace millrace::cli
