#include "loopback.h"

#include <netdb.h>
#include <netinet/in.h>

#include <array>

#include "command.h"

namespace millrace::cli {

namespace {

bool is_loopback_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr) >> 24) == 127;
  }
  return address.sa_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr) != 0;
}

}  // namespace

bool is_loopback(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  bool all = found != nullptr;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    all = all && is_loopback_address(*one->ai_addr);
  }
  freeaddrinfo(found);
  return all;
}

SocketAddress address_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  const auto& generic = reinterpret_cast<const sockaddr&>(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      (address.ss_family != AF_INET && address.ss_family != AF_INET6) ||
      ::getnameinfo(&generic, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    throw UsageError("the service manager passed a socket that is not a TCP socket: use ListenStream=HOST:PORT");
  }
  return {.host = host.data(), .port = std::stoi(port.data())};
}

}  // namespace millrace::cli
