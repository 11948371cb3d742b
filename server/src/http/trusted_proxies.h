// TrustedProxies: the networks of trusted proxies, and how the client addresses that they report are read.
//
// A field may have been begun by the client itself. Each proxy appends the address that it has seen, so the list is
// read from its end: the client is the first address that no trusted proxy has. Pure.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/server/proxy_field.h"

namespace millrace {

class TrustedProxies {
 public:
  /// `networks`: such as `10.0.0.0/8`, `fd00::/8` or `127.0.0.1`. Throws InvalidOption.
  TrustedProxies(const std::vector<std::string>& networks, ProxyField field);

  bool trusts(const sockaddr_storage& address) const;
  ProxyField field() const { return field_; }

  /// The client of a request that `peer` has sent, by the request's head; `peer` itself if it is not trusted, or if the
  /// field is missing. An entry that is no address ends the search: the client is then the proxy before it.
  sockaddr_storage client_of(const sockaddr_storage& peer, std::string_view head) const;

 private:
  struct Network {
    std::array<std::uint8_t, 16> bytes;  // of IPv4 the form that IPv6 has for it
    unsigned bits;
  };

  std::vector<Network> networks_;
  ProxyField field_;
};

/// An address, or an address with a port, as such fields have it: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]:80`. The port is left out.
std::optional<sockaddr_storage> forwarded_address(std::string_view text);

}  // namespace millrace
