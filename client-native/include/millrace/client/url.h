// Url: the URL of an event stream, `http(s)://host[:port]/path?query`.
//
// A checked value: every Url that parse() returns can be connected to and written on a request line unchanged.
//
//   const millrace::Url url = millrace::Url::parse("https://example.org/events?topic=orders");
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// The parts of a URL that was checked.
struct Url {
  bool https = false;       ///< the scheme: https or http
  std::string host;         ///< a name or an address; an IPv6 address without its brackets
  std::uint16_t port = 80;  ///< 1 to 65535; without one in the text, 80 or 443
  std::string target;       ///< path and query as they go on the request line; starts with `/`

  /// Parses an absolute http or https URL without user information; throws std::invalid_argument with what is wrong and
  /// what is expected. Percent-encodes spaces and non-ASCII bytes in path and query; removes the fragment.
  static Url parse(std::string_view text);

  /// The URL of a `Location` header in a response from this URL: an absolute URL, or a reference relative to this one
  /// [RFC 3986 5.2]. Throws like parse().
  Url resolve(std::string_view reference) const;

  /// `host` or `host:port`, as the Host header carries it.
  std::string authority() const;

  /// `http(s)://host[:port]`
  std::string origin() const;

  /// The whole URL as text.
  std::string text() const { return origin() + target; }
};

/// Percent-encodes all characters that a value of a query cannot contain.
std::string encode_query_value(std::string_view value);

}  // namespace millrace
