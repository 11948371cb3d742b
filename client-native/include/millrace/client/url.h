// Url: where an event stream lives, `http(s)://host[:port]/path?query`.
//
// A checked value: what parse() lets through can be connected to and put on a request line as it stands.
//
//   const millrace::Url url = millrace::Url::parse("https://example.org/events?topic=orders");
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

struct Url {
  bool https = false;
  std::string host;         ///< a name or an address; an IPv6 address without its brackets
  std::uint16_t port = 80;  ///< 1 to 65535; where the text names none, 80 or 443
  std::string target;       ///< path and query as they go on the request line; starts with `/`

  /// Throws std::invalid_argument, saying what is wrong and what is expected, unless `text` is an absolute http or
  /// https URL without user information. Spaces and non-ASCII bytes in path and query are percent-encoded; the fragment
  /// goes.
  static Url parse(std::string_view text);

  /// What a `Location` header names when it came from here: an absolute URL, or a reference relative to this one
  /// [RFC 3986 5.2]. Throws like parse().
  Url resolve(std::string_view reference) const;

  /// `host` or `host:port`, as the Host header carries it.
  std::string authority() const;

  /// `http(s)://host[:port]`
  std::string origin() const;

  /// The whole URL as text.
  std::string text() const { return origin() + target; }
};

/// Percent-encodes what cannot stand for itself in a value of a query.
std::string encode_query_value(std::string_view value);

}  // namespace millrace
