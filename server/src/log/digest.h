// SHA-256, where something of any length is to go by a name of a fixed one.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

/// In 64 hexadecimal digits.
std::string sha256(std::string_view text);

}  // namespace millrace
