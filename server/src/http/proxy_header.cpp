#include "proxy_header.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace millrace {

namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

constexpr unsigned kVersion = 2;
constexpr unsigned kLocal = 0;
constexpr unsigned kProxy = 1;
constexpr unsigned kTcpOverIpv4 = 0x11;
constexpr unsigned kTcpOverIpv6 = 0x21;

// A block has the addresses of source and destination, then their ports.
template <typename Address>
constexpr std::size_t kBlockBytes = 2 * (sizeof(Address) + sizeof(in_port_t));

// Copies the source's address and port.
template <typename Address>
void copy_source(std::string_view block, Address& address, in_port_t& port) {
  std::memcpy(&address, block.data(), sizeof address);
  std::memcpy(&port, block.data() + 2 * sizeof address, sizeof port);
}

// Nothing if the block is too short.
std::optional<sockaddr_storage> source_in(std::string_view block, unsigned protocol) {
  sockaddr_storage address{};
  if (protocol == kTcpOverIpv4 && block.size() >= kBlockBytes<in_addr>) {
    address.ss_family = AF_INET;
    auto& source = reinterpret_cast<sockaddr_in&>(address);
    copy_source(block, source.sin_addr, source.sin_port);
  } else if (protocol == kTcpOverIpv6 && block.size() >= kBlockBytes<in6_addr>) {
    address.ss_family = AF_INET6;
    auto& source = reinterpret_cast<sockaddr_in6&>(address);
    copy_source(block, source.sin6_addr, source.sin6_port);
  } else {
    return std::nullopt;
  }
  return address;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view input) {
  using Status = ProxyHeader::Status;
  const std::size_t seen = std::min(input.size(), kSignature.size());
  if (input.substr(0, seen) != kSignature.substr(0, seen)) return {.status = Status::kInvalid};
  if (input.size() < kProxyHeaderBegin) return {};
  const auto byte = [input](std::size_t at) { return unsigned{static_cast<unsigned char>(input[at])}; };
  const unsigned command = byte(12) & 0x0f;
  const std::size_t bytes = kProxyHeaderBegin + (byte(14) << 8) + byte(15);
  if (byte(12) >> 4 != kVersion || command > kProxy || bytes > kMaxProxyHeaderBytes) {
    return {.status = Status::kInvalid};
  }
  if (input.size() < bytes) return {.bytes = bytes};
  ProxyHeader header{.status = Status::kWhole, .bytes = bytes};
  const std::string_view block = input.substr(kProxyHeaderBegin, bytes - kProxyHeaderBegin);
  if (command == kLocal) return header;
  header.client = source_in(block, byte(13));
  if (!header.client) return {.status = Status::kInvalid};
  return header;
}

}  // namespace millrace
