// read_small_body(): the body of a request that says in a few bytes what is to be done.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <optional>
#include <string>

namespace millrace {

/// The body, of at most `max_bytes`. Nothing: refused, 413 or 400.
std::optional<std::string> read_small_body(const httplib::Request& request, httplib::Response& response,
                                           const httplib::ContentReader& read_content, std::size_t max_bytes);

}  // namespace millrace
