// SHA-256, to give a text of any length a name of fixed length.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// In 64 hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace millrace
