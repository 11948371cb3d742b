// ask: requests and responses as whole texts, where a test is about what a server says yes or no to.
#pragma once

#include <string>
#include <string_view>

namespace millrace::test {

/// A request's bytes; `headers` are whole lines, each with its CRLF.
std::string request(std::string_view method, std::string_view target, std::string_view headers = {},
                    std::string_view body = {});

/// The response to a request on a connection of its own: its head, and the body if its length is known.
std::string ask(int port, const std::string& request_bytes);

int status_of(std::string_view response);

/// The value of a header line, as it was sent; empty if the field is missing.
std::string header_of(std::string_view response, std::string_view name);

}  // namespace millrace::test
