// The weights of what a client accepts, in fields such as Accept and Accept-Encoding. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "field_text.h"

namespace millrace {

/// Returns the text before the next `separator`, and removes both.
inline std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = trimmed(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

/// The weight among `parameters`, which semicolons separate, in thousandths; 1000 without one. An invalid weight counts
/// as 0, a refusal. [RFC 9110 12.4.2]
inline int weight(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = next_part(parameters, ';');
    if (!equals_ignoring_case(next_part(value, '='), "q")) continue;
    if (value.empty() || value.size() > 5 || (value[0] != '0' && value[0] != '1')) return 0;
    if (value.size() > 1 && value[1] != '.') return 0;
    int thousandths = (value[0] - '0') * 1000;
    int unit = 100;
    for (const char digit : value.substr(std::min<std::size_t>(value.size(), 2))) {
      if (digit < '0' || digit > '9') return 0;
      thousandths += (digit - '0') * unit;
      unit /= 10;
    }
    return std::min(thousandths, 1000);
  }
  return 1000;
}

}  // namespace millrace
