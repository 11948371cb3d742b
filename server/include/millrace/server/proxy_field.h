// ProxyField: how proxies name the client.
#pragma once

#include <cstdint>

namespace millrace {

/// How trusted proxies name the client. The server reads only this one, because a client could send the others itself.
enum class ProxyField : std::uint8_t {
  kXForwardedFor,  ///< `X-Forwarded-For: 192.0.2.1, 10.0.0.7`
  kForwarded,      ///< `Forwarded: for=192.0.2.1, for="[2001:db8::1]"` [RFC 7239]
  /// Version 2 of the PROXY protocol, before each connection's first bytes. The server closes a connection from a
  /// trusted network without it. A connection counts as its client's.
  kProxyProtocol,
};

}  // namespace millrace
