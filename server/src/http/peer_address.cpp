#include "peer_address.h"

#include <netdb.h>

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

std::string peer_address(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  std::string host;
  int port = 0;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    numeric_address(address, length, host, port);
  }
  return host;
}

}  // namespace millrace
