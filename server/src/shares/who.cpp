#include "who.h"

#include "base/peer_address.h"

namespace millrace {

Who Who::network(const sockaddr_storage& address) {
  return Who(std::string("n").append(network_of(address)));
}

Who Who::of(int socket, std::string_view name) {
  if (!name.empty()) return user(name);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return network(address);
}

}  // namespace millrace
