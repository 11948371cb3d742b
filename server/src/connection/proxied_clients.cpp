#include "proxied_clients.h"

#include <utility>

#include "base/peer_address.h"
#include "connection.h"
#include "http2_connection.h"

namespace millrace {

bool ProxiedClients::expects_header(int socket) const {
  return proxies_ != nullptr && proxies_->field() == ProxyField::kProxyProtocol && proxies_->trusts(peer_of(socket));
}

bool ProxiedClients::add(const Connection& connection, const sockaddr_storage& client) {
  auto share = take_(client);
  if (!share) return false;
  clients_.emplace(&connection, Client{std::make_shared<const sockaddr_storage>(client), std::move(*share)});
  return true;
}

std::shared_ptr<const sockaddr_storage> ProxiedClients::of(const Connection& connection) const {
  if (clients_.empty()) return nullptr;
  const auto found = clients_.find(connection.is_stream() ? &connection.http2()->root() : &connection);
  return found == clients_.end() ? nullptr : found->second.address;
}

void ProxiedClients::forget(const Connection& connection) {
  if (!clients_.empty()) clients_.erase(&connection);
}

}  // namespace millrace
