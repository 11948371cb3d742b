// Addresses of sockets, as text.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// Sets the numeric host and port of `address`; leaves them unchanged if it is not an internet address.
void numeric_address(const sockaddr_storage& address, socklen_t length, std::string& host, int& port);

/// The numeric address, without the port; empty if it is not an internet address.
std::string address_text(const sockaddr_storage& address);

/// The address that a numeric text such as `::1` stands for, without a port; nothing if the text is not an address.
std::optional<sockaddr_storage> parse_address(std::string_view text);

/// The address of the other end, which may be a proxy's; AF_UNSPEC if the connection is closed.
sockaddr_storage peer_of(int socket);

/// The bytes that identify a client for counting: an IPv4 address, or the /64 network of an IPv6 address, which one
/// client may own as a whole. Empty if it is not an internet address.
std::string network_of(const sockaddr_storage& address);

/// Whether the socket's own address is one of this machine's loopback addresses.
bool is_on_loopback(int socket);

}  // namespace millrace
