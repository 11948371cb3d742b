#include "base/peer_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

namespace millrace::test {
namespace {

sockaddr_storage ipv6_address(const std::string& text) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  inet_pton(AF_INET6, text.c_str(), &address.sin6_addr);
  return storage;
}

TEST(PeerAddress, TellsClientsApartByTheirNetwork) {
  const auto network = [](const char* text) { return network_of(ipv6_address(text)); };
  EXPECT_EQ(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
  EXPECT_NE(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
  EXPECT_NE(network("::ffff:10.0.0.1"), network("::ffff:10.0.0.2"));
  sockaddr_storage ipv4{};
  ipv4.ss_family = AF_INET;
  inet_pton(AF_INET, "10.0.0.1", &reinterpret_cast<sockaddr_in&>(ipv4).sin_addr);
  EXPECT_EQ(network("::ffff:10.0.0.1"), network_of(ipv4));
}

}  // namespace
}  // namespace millrace::test
