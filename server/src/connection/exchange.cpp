#include "exchange.h"

#include "base/peer_address.h"

namespace millrace {

namespace {

Endpoint endpoint_of(int socket, int (*ask)(int, sockaddr*, socklen_t*)) {
  Endpoint endpoint;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (ask(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    numeric_address(address, length, endpoint.address, endpoint.port);
  }
  return endpoint;
}

}  // namespace

sockaddr_storage client_of(const Exchange& exchange) {
  return exchange.client != nullptr ? *exchange.client : peer_of(exchange.socket);
}

Who holder_of(const Exchange& exchange, std::string_view user) {
  return user.empty() ? Who::network(client_of(exchange)) : Who::user(user);
}

std::string client_address(const Exchange& exchange) {
  return address_text(client_of(exchange));
}

Endpoint client_endpoint(const Exchange& exchange) {
  if (exchange.client != nullptr) return {.address = address_text(*exchange.client), .port = 0};
  return endpoint_of(exchange.socket, ::getpeername);
}

Endpoint local_endpoint(const Exchange& exchange) {
  return endpoint_of(exchange.socket, ::getsockname);
}

}  // namespace millrace
