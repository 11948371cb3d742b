// Whose word for a client's address counts.
#include "http/trusted_proxies.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/peer_address.h"
#include "millrace/server/invalid_option.h"

namespace millrace {
namespace {

sockaddr_storage address(std::string_view text) {
  return forwarded_address(text).value();
}

std::string client(const TrustedProxies& proxies, std::string_view peer, const std::string& fields) {
  return address_text(proxies.client_of(address(peer), "GET / HTTP/1.1\r\n" + fields + "\r\n"));
}

TEST(TrustedProxies, TrustWhatIsInTheirNetworksOnly) {
  const TrustedProxies proxies({"10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::/33"}, ProxyField::kXForwardedFor);
  for (const char* trusted :
       {"10.0.0.0", "10.255.255.255", "192.0.2.7", "fd12::1", "::ffff:10.1.2.3", "2001:db8:7fff::1"}) {
    EXPECT_TRUE(proxies.trusts(address(trusted))) << trusted;
  }
  for (const char* stranger :
       {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "fe00::1", "2001:db8:8000::1", "::1"}) {
    EXPECT_FALSE(proxies.trusts(address(stranger))) << stranger;
  }
  EXPECT_FALSE(proxies.trusts(sockaddr_storage{})) << "a socket without an address";
  EXPECT_TRUE(TrustedProxies({"0.0.0.0/0"}, ProxyField::kForwarded).trusts(address("198.51.100.1")));
  EXPECT_FALSE(TrustedProxies({"0.0.0.0/0"}, ProxyField::kForwarded).trusts(address("::1")));
}

TEST(TrustedProxies, RefuseWhatIsNoNetwork) {
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0", "::/129", "proxy", "10.0.0.0/8/8"}) {
    try {
      const TrustedProxies proxies({text}, ProxyField::kXForwardedFor);
      ADD_FAILURE() << text;
    } catch (const InvalidOption& refused) {
      EXPECT_EQ(refused.option(), "ServerOptions::proxies.trusted");
    }
  }
}

TEST(TrustedProxies, TakeTheFirstAddressFromTheEndThatIsNoProxy) {
  const TrustedProxies proxies({"10.0.0.0/8"}, ProxyField::kXForwardedFor);
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "x-forwarded-for: 6.6.6.6, 192.0.2.1,10.0.0.2\r\n"), "192.0.2.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 192.0.2.1:4711\r\n"), "192.0.2.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: [2001:db8::1]:4711\r\n"), "2001:db8::1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 2001:db8::1\r\n"), "2001:db8::1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n"), "10.0.0.3") << "a client of ours";
}

TEST(TrustedProxies, BelieveNoOtherAddress) {
  const TrustedProxies proxies({"10.0.0.0/8"}, ProxyField::kXForwardedFor);
  EXPECT_EQ(client(proxies, "192.0.2.9", "X-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.9");
  EXPECT_EQ(client(proxies, "10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "Forwarded: for=192.0.2.1\r\n"), "10.0.0.1") << "the other field";
  for (const char* no_address :
       {"unknown", "", " , ", "192.0.2.1, unknown", "192.0.2.256", "[::1", "[::1]x", "a:b:c", "1.2.3.4:5:6"}) {
    EXPECT_EQ(client(proxies, "10.0.0.1", std::string("X-Forwarded-For: ") + no_address + "\r\n"), "10.0.0.1")
        << no_address;
  }
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2\r\n"), "10.0.0.2");
  const std::string many(10'000, ',');
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: " + many + "\r\n"), "10.0.0.1");
}

TEST(TrustedProxies, ReadForwarded) {
  const TrustedProxies proxies({"10.0.0.0/8"}, ProxyField::kForwarded);
  EXPECT_EQ(client(proxies, "10.0.0.1", "Forwarded: for=192.0.2.1;proto=https;by=10.0.0.1\r\n"), "192.0.2.1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "Forwarded: for=6.6.6.6, proto=http; For=\"[2001:db8::1]:47\"\r\n"),
            "2001:db8::1");
  EXPECT_EQ(client(proxies, "10.0.0.1", "Forwarded: for=192.0.2.1, for=\"10.0.0.9:80\"\r\n"), "192.0.2.1");
  for (const char* no_address : {"for=unknown", "for=_hidden", "proto=https", "for=\"a,b\"", "for="}) {
    EXPECT_EQ(client(proxies, "10.0.0.1", std::string("Forwarded: ") + no_address + "\r\n"), "10.0.0.1") << no_address;
  }
  EXPECT_EQ(client(proxies, "10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n"), "10.0.0.1");
}

}  // namespace
}  // namespace millrace
