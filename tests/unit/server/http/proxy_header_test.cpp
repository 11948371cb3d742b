// Version 2 of the PROXY protocol, byte by byte.
#include "http/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "base/peer_address.h"

namespace millrace {
namespace {

using Status = ProxyHeader::Status;
using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string header(char version_and_command, char family, const std::string& block) {
  const auto size = static_cast<unsigned>(block.size());
  return kSignature + version_and_command + family + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff) +
         block;
}

const std::string kIpv4 = "\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x00\x50"s;  // 192.0.2.1:4711 to 10.0.0.1:80

TEST(ProxyHeader, NamesTheClient) {
  const ProxyHeader ipv4 = read_proxy_header(header('\x21', '\x11', kIpv4) + "GET /");
  ASSERT_EQ(ipv4.status, Status::kWhole);
  EXPECT_EQ(ipv4.bytes, 28u);
  EXPECT_EQ(address_text(*ipv4.client), "192.0.2.1");
  const std::string v6 =
      "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01" + std::string(16, '\0') + "\x12\x67\x00\x50"s;
  const ProxyHeader ipv6 = read_proxy_header(header('\x21', '\x21', v6));
  ASSERT_EQ(ipv6.status, Status::kWhole);
  EXPECT_EQ(address_text(*ipv6.client), "2001:db8::1");
  const ProxyHeader with_more = read_proxy_header(header('\x21', '\x11', kIpv4 + "\x03\x00\x04xxxx"s));
  EXPECT_EQ(with_more.bytes, 35u);
  EXPECT_TRUE(with_more.client);
  const ProxyHeader local = read_proxy_header(header('\x20', '\x00', ""));
  EXPECT_EQ(local.status, Status::kWhole);
  EXPECT_FALSE(local.client);
}

TEST(ProxyHeader, SaysHowMuchItNeeds) {
  const std::string whole = header('\x21', '\x11', kIpv4);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const ProxyHeader part = read_proxy_header(whole.substr(0, size));
    EXPECT_EQ(part.status, Status::kIncomplete) << size;
    EXPECT_EQ(part.bytes, size < 16 ? 16u : 28u) << size;
  }
}

TEST(ProxyHeader, RefusesWhatIsNone) {
  for (const std::string& bytes :
       {"GET / HTTP/1.1\r\n"s, "\r\n\r\nG"s, "PROXY TCP4 192.0.2.1"s, header('\x11', '\x11', kIpv4),
        header('\x22', '\x11', kIpv4), header('\x21', '\x11', "short"), header('\x21', '\x12', kIpv4),
        header('\x21', '\x31', std::string(216, 'x')), header('\x21', '\x11', std::string(4081, 'x')).substr(0, 16)}) {
    EXPECT_EQ(read_proxy_header(bytes).status, Status::kInvalid) << bytes;
  }
}

}  // namespace
}  // namespace millrace
