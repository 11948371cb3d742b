// field_values: all values of one field in a request's head. Pure.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "field_text.h"

namespace millrace {

/// The values of all fields of this name, in order, up to the head's empty line. Views into `head`, untrimmed.
inline std::vector<std::string_view> field_values(std::string_view head, std::string_view name) {
  std::vector<std::string_view> values;
  while (head.starts_with("\r\n")) head.remove_prefix(2);  // [RFC 9112 2.2]
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
      values.push_back(line.substr(colon + 1));
    }
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  return values;
}

}  // namespace millrace
