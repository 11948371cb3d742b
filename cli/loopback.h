// Loopback addresses.
#pragma once

#include <string>

namespace millrace::cli {

/// Whether all addresses of the host are loopback addresses. False if it cannot be found.
bool is_loopback(const std::string& host);

/// The numeric host and the port on which a socket listens. Throws UsageError if it is no TCP socket.
struct SocketAddress {
  std::string host;
  int port = 0;
};
SocketAddress address_of(int socket);

}  // namespace millrace::cli
