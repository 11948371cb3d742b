// ProxyField: how proxies name the client.
#pragma once

#include <cstdint>

namespace millrace {

/// What trusted proxies name the client by. Only this one is read: a client could send the others itself.
enum class ProxyField : std::uint8_t {
  kXForwardedFor,  ///< `X-Forwarded-For: 192.0.2.1, 10.0.0.7`
  kForwarded,      ///< `Forwarded: for=192.0.2.1, for="[2001:db8::1]"` [RFC 7239]
  /// Version 2 of the PROXY protocol, ahead of each connection's first bytes. A connection from a trusted network
  /// without it is closed. The connection counts as one of its client.
  kProxyProtocol,
};

}  // namespace millrace
