// Credentials of requests, and the server's files with which it compares them.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace {

/// Largest file of keys, in bytes.
inline constexpr std::size_t kMaxKeyFileBytes = 1024 * 1024;

/// The token of `Authorization: Bearer <token>`; empty without such a header, or with several. [RFC 6750 2.1]
std::string bearer_token(const httplib::Request& request);

/// The value of a cookie; empty without it. The first of several with the name counts. [RFC 6265 5.4]
std::string cookie(const httplib::Request& request, std::string_view name);

/// Whether the text can be sent as a bearer token. [RFC 6750 2.1, b64token]
bool is_bearer_token(std::string_view text);

/// The whole of a file. Throws std::invalid_argument, naming `option`, if it cannot be read or is larger than
/// kMaxKeyFileBytes.
std::string read_key_file(const std::string& path, std::string_view option);

}  // namespace millrace
