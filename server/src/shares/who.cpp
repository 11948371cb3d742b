#include "who.h"

#include "base/peer_address.h"

namespace millrace {

Who Who::network(const sockaddr_storage& address) {
  return Who(std::string("n").append(network_of(address)));
}

}  // namespace millrace
