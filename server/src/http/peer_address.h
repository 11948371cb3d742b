// Addresses of sockets, as text.
#pragma once

#include <sys/socket.h>

#include <string>

namespace millrace {

/// Numeric host and port of `address`; left as they are if it is no internet address.
void numeric_address(const sockaddr_storage& address, socklen_t length, std::string& host, int& port);

/// The numeric address of the other end, without the port; empty if it is gone.
std::string peer_address(int socket);

}  // namespace millrace
