#include "peer_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cstdlib>

namespace millrace {

void numeric_address(const sockaddr_storage& address, socklen_t length, std::string& host, int& port) {
  std::array<char, NI_MAXHOST> host_text{};
  std::array<char, NI_MAXSERV> port_text{};
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host_text.data(), host_text.size(),
                  port_text.data(), port_text.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return;
  }
  host = host_text.data();
  port = std::atoi(port_text.data());
}

std::optional<sockaddr_storage> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.empty() || text.size() >= copy.size()) return std::nullopt;
  text.copy(copy.data(), text.size());
  sockaddr_storage address{};
  auto& ipv4 = reinterpret_cast<sockaddr_in&>(address);
  auto& ipv6 = reinterpret_cast<sockaddr_in6&>(address);
  if (inet_pton(AF_INET, copy.data(), &ipv4.sin_addr) == 1) {
    address.ss_family = AF_INET;
  } else if (inet_pton(AF_INET6, copy.data(), &ipv6.sin6_addr) == 1) {
    address.ss_family = AF_INET6;
  } else {
    return std::nullopt;
  }
  return address;
}

std::string network_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    return {reinterpret_cast<const char*>(&ipv4), sizeof ipv4};
  }
  if (address.ss_family != AF_INET6) return {};
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  const auto* const bytes = reinterpret_cast<const char*>(&ipv6);
  return IN6_IS_ADDR_V4MAPPED(&ipv6) ? std::string(bytes + 12, 4) : std::string(bytes, 8);
}

bool is_on_loopback(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return false;
  if (address.ss_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
  }
  return address.ss_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr) != 0;
}

std::string address_text(const sockaddr_storage& address) {
  std::string host;
  int port = 0;
  const socklen_t length = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (address.ss_family == AF_INET || address.ss_family == AF_INET6) numeric_address(address, length, host, port);
  return host;
}

sockaddr_storage peer_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) address.ss_family = AF_UNSPEC;
  return address;
}

}  // namespace millrace
