#include "proxy_header.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace millrace {

namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

constexpr unsigned kVersion = 2;
constexpr unsigned kLocal = 0;
constexpr unsigned kProxy = 1;
constexpr unsigned kTcpOverIpv4 = 0x11;
constexpr unsigned kTcpOverIpv6 = 0x21;

// Source and destination addresses, then both ports: the source is what is wanted.
constexpr std::size_t kIpv4Bytes = 4 + 4 + 2 + 2;
constexpr std::size_t kIpv6Bytes = 16 + 16 + 2 + 2;

sockaddr_storage ipv4(std::string_view block) {
  sockaddr_storage address{};
  auto& of = reinterpret_cast<sockaddr_in&>(address);
  of.sin_family = AF_INET;
  std::memcpy(&of.sin_addr, block.data(), 4);
  std::memcpy(&of.sin_port, block.data() + 8, 2);
  return address;
}

sockaddr_storage ipv6(std::string_view block) {
  sockaddr_storage address{};
  auto& of = reinterpret_cast<sockaddr_in6&>(address);
  of.sin6_family = AF_INET6;
  std::memcpy(&of.sin6_addr, block.data(), 16);
  std::memcpy(&of.sin6_port, block.data() + 32, 2);
  return address;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view input) {
  using Progress = ProxyHeader::Progress;
  const std::size_t seen = std::min(input.size(), kSignature.size());
  if (input.substr(0, seen) != kSignature.substr(0, seen)) return {.progress = Progress::kInvalid};
  if (input.size() < kProxyHeaderBegin) return {};
  const auto byte = [input](std::size_t at) { return unsigned{static_cast<unsigned char>(input[at])}; };
  const unsigned command = byte(12) & 0x0f;
  const std::size_t bytes = kProxyHeaderBegin + (byte(14) << 8) + byte(15);
  if (byte(12) >> 4 != kVersion || command > kProxy || bytes > kMaxProxyHeaderBytes) {
    return {.progress = Progress::kInvalid};
  }
  if (input.size() < bytes) return {.bytes = bytes};
  ProxyHeader header{.progress = Progress::kWhole, .bytes = bytes};
  const std::string_view block = input.substr(kProxyHeaderBegin, bytes - kProxyHeaderBegin);
  if (command == kLocal) return header;
  if (byte(13) == kTcpOverIpv4 && block.size() >= kIpv4Bytes) {
    header.client = ipv4(block);
  } else if (byte(13) == kTcpOverIpv6 && block.size() >= kIpv6Bytes) {
    header.client = ipv6(block);
  } else {
    return {.progress = Progress::kInvalid};
  }
  return header;
}

}  // namespace millrace
