// ProxiedClients: the clients of a loop's connections whose proxy announces them by the PROXY protocol. The loop's
// thread.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "http/trusted_proxies.h"
#include "shares/quota.h"

namespace millrace {

class Connection;

class ProxiedClients {
 public:
  /// Takes a share of the client's quota; returns nothing if the quota is used up.
  using TakeAddress = std::function<std::optional<Quota::Share>(const sockaddr_storage& client)>;

  /// `proxies`: null if no proxy is trusted. Both must outlive it.
  ProxiedClients(const TrustedProxies* proxies, const TakeAddress& take) : proxies_(proxies), take_(take) {}

  /// Whether the socket's other end is a proxy that begins each connection with a header.
  bool expects_header(int socket) const;

  /// The connection is this client's from now on. Returns false if the client may have no more connections.
  bool add(const Connection& connection, const sockaddr_storage& client);

  /// Returns null if the socket's other end is the client. For a stream of HTTP/2: the client of its connection.
  std::shared_ptr<const sockaddr_storage> of(const Connection& connection) const;

  void forget(const Connection& connection);

 private:
  struct Client {
    std::shared_ptr<const sockaddr_storage> address;
    Quota::Share share;
  };

  const TrustedProxies* const proxies_;
  const TakeAddress& take_;
  std::unordered_map<const Connection*, Client> clients_;
};

}  // namespace millrace
