// Addresses of sockets, as text.
#pragma once

#include <sys/socket.h>

#include <string>

namespace millrace {

/// Numeric host and port of `address`; left as they are if it is no internet address.
void numeric_address(const sockaddr_storage& address, socklen_t length, std::string& host, int& port);

/// The numeric address of the other end, without the port; empty if it is gone.
std::string peer_address(int socket);

/// An address as bytes, to count clients by: an IPv4 address, or the /64 network of an IPv6 one, all of which one
/// client may well have. Empty if it is no internet address.
std::string network_of(const sockaddr_storage& address);

/// Whether the socket's own address is one of this machine's loopback addresses.
bool is_on_loopback(int socket);

}  // namespace millrace
