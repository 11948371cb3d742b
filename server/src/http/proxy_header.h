// ProxyHeader: version 2 of the PROXY protocol, which a proxy of connections sends ahead of a client's bytes. Pure.
//
// [https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.2]
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// Bytes of its fixed part.
inline constexpr std::size_t kProxyHeaderBegin = 16;

/// Largest header, with everything that a proxy adds to the addresses; a larger one is refused.
inline constexpr std::size_t kMaxProxyHeaderBytes = 4096;

struct ProxyHeader {
  enum class Status : std::uint8_t {
    kIncomplete,  ///< `bytes` must have come before there is more to read
    kInvalid,     ///< it is no such header, or too large
    kWhole,       ///< it has `bytes` bytes
  };
  Status status = Status::kIncomplete;
  std::size_t bytes = kProxyHeaderBegin;
  std::optional<sockaddr_storage> client = {};  ///< nothing: the proxy speaks for itself, as in its health checks
};

ProxyHeader read_proxy_header(std::string_view input);

}  // namespace millrace
