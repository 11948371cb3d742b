#include "who.h"

#include "httplib_bridge.h"
#include "peer_address.h"

namespace millrace {

Who Who::network(const sockaddr_storage& address) {
  return Who(std::string("n").append(network_of(address)));
}

Who Who::of(const httplib::Request& request, std::string_view name) {
  if (!name.empty()) return user(name);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getpeername(HttplibBridge::exchange_of(request).socket, reinterpret_cast<sockaddr*>(&address), &length);
  return network(address);
}

}  // namespace millrace
