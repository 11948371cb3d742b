#include "who.h"

#include "base/peer_address.h"

namespace millrace {

Who Who::network(const sockaddr_storage& address) {
  return Who(std::string("n").append(network_of(address)));
}

// An IPv6 address may name an interface after a %.
Who Who::address(std::string_view text) {
  return network(parse_address(text.substr(0, text.find('%'))).value_or(sockaddr_storage{}));
}

}  // namespace millrace
