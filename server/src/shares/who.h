// Who: the holder of a share of the server. The user, if the authorizer names one; otherwise the network: an IPv4
// address, or the /64 of an IPv6 address, which may belong to one client as a whole.
//
// Connections, streams and rates all count by it.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <utility>

namespace millrace {

class Who {
 public:
  // Avoids operator+, of which GCC 12 warns at -O3 (-Wrestrict).
  static Who user(std::string_view name) { return Who(std::string("u").append(name)); }
  static Who network(const sockaddr_storage& address);
  /// The network of a numeric address; all other texts are one holder.
  static Who address(std::string_view text);

  /// The holder with this key().
  static Who of_key(std::string_view key) { return Who(std::string(key)); }

  /// Different for different holders.
  std::string_view key() const { return key_; }

 private:
  explicit Who(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

}  // namespace millrace
