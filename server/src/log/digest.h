// SHA-256: a name of fixed length for a text of any length.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// The SHA-256 of `text` as 64 hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace millrace
