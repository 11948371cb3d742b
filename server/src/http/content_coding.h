// The content codings that a client accepts. Pure.
#pragma once

#include <string_view>

namespace millrace {

/// Whether a client prefers gzip to an unencoded body. `accept_encoding`: the values of its Accept-Encoding fields,
/// between commas. [RFC 9110 12.5.3]
bool prefers_gzip(std::string_view accept_encoding);

}  // namespace millrace
