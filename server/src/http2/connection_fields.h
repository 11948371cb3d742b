// Fields about an HTTP/1 connection, which HTTP/2 does not have. [RFC 9113 8.2.2] Pure.
#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace millrace {

/// `name` is in lower case.
constexpr bool is_connection_field(std::string_view name) {
  constexpr std::string_view kNames[] = {"connection", "keep-alive", "proxy-connection", "transfer-encoding",
                                         "upgrade"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace millrace
