// ProxiedClients: the clients of a loop's connections behind trusted proxies, which announce them by the PROXY protocol
// or name them in each request. Whatever reports or counts a client asks here. The loop's thread.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

  /// Whether the PROXY protocol has announced the connection's client, which then has a share for it. For a stream of
  /// HTTP/2: the client of its connection.
  bool has(const Connection& connection) const { return find(connection) != nullptr; }

  /// Returns null if the socket's other end is the client. `head`: of the client's request; without one, only an
  /// announced client is known.
  std::shared_ptr<const sockaddr_storage> of(const Connection& connection, std::string_view head = {}) const;

  /// The client's address, without its port, also if that is the socket's other end.
  std::string address_of(const Connection& connection, std::string_view head = {}) const;

  void forget(const Connection& connection);

 private:
  struct Client {
    std::shared_ptr<const sockaddr_storage> address;
    Quota::Share share;
  };

  const Client* find(const Connection& connection) const;

  const TrustedProxies* const proxies_;
  const TakeAddress& take_;
  std::unordered_map<const Connection*, Client> clients_;
};

}  // namespace millrace
