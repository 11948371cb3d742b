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

const ProxiedClients::Client* ProxiedClients::find(const Connection& connection) const {
  if (clients_.empty()) return nullptr;
  const auto found = clients_.find(connection.is_stream() ? &connection.http2()->root() : &connection);
  return found == clients_.end() ? nullptr : &found->second;
}

std::shared_ptr<const sockaddr_storage> ProxiedClients::of(const Connection& connection, std::string_view head) const {
  if (const Client* const announced = find(connection)) return announced->address;
  if (proxies_ == nullptr || head.empty()) return nullptr;
  const sockaddr_storage peer = peer_of(connection.socket());
  if (!proxies_->trusts(peer)) return nullptr;
  return std::make_shared<const sockaddr_storage>(proxies_->client_of(peer, head));
}

std::string ProxiedClients::address_of(const Connection& connection, std::string_view head) const {
  const auto client = of(connection, head);
  return address_text(client != nullptr ? *client : peer_of(connection.socket()));
}

void ProxiedClients::forget(const Connection& connection) {
  if (!clients_.empty()) clients_.erase(&connection);
}

}  // namespace millrace
