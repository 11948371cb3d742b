#include "trusted_proxies.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <system_error>

#include "base/peer_address.h"
#include "field_text.h"
#include "field_values.h"
#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

constexpr char kOption[] = "ServerOptions::proxies.trusted";
constexpr unsigned kIpv4Offset = 96;  // bits of ::ffff:0:0/96

using Bytes = std::array<std::uint8_t, 16>;

std::optional<Bytes> bytes_of(const sockaddr_storage& address) {
  Bytes bytes{};
  if (address.ss_family == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
    return bytes;
  }
  if (address.ss_family != AF_INET) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  std::memcpy(bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  return bytes;
}

// The last item of a list, which is removed from it. Commas in quotes are not expected: an item with one is no address.
std::string_view take_last(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return trimmed(item);
}

// The value of `for` in an element of Forwarded; empty if it has none. [RFC 7239 4]
std::string_view for_in(std::string_view element) {
  while (!element.empty()) {
    const std::size_t end = std::min(element.find(';'), element.size());
    const std::string_view pair = trimmed(element.substr(0, end));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && equals_ignoring_case(pair.substr(0, equals), "for")) {
      std::string_view value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
    element.remove_prefix(std::min(end + 1, element.size()));
  }
  return {};
}

}  // namespace

std::optional<sockaddr_storage> forwarded_address(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && !behind.starts_with(':')) return std::nullopt;
    return parse_address(text.substr(1, end - 1));
  }
  if (std::count(text.begin(), text.end(), ':') == 1) text = text.substr(0, text.find(':'));
  return parse_address(text);
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks, ProxyField field) : field_(field) {
  for (const std::string& text : networks) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(std::string_view(text).substr(0, slash));
    const unsigned offset = address && address->ss_family == AF_INET ? kIpv4Offset : 0;
    unsigned bits = 128 - offset;
    bool valid = address.has_value();
    if (valid && slash != std::string::npos) {
      const char* const end = text.data() + text.size();
      const auto [at, error] = std::from_chars(text.data() + slash + 1, end, bits);
      valid = error == std::errc() && at == end && bits <= 128 - offset;
    }
    if (!valid) {
      throw InvalidOption(kOption, "\"" + text + "\" is not a network; expected one such as 10.0.0.0/8 or fd00::/8");
    }
    networks_.push_back({*bytes_of(*address), bits + offset});
  }
}

bool TrustedProxies::trusts(const sockaddr_storage& address) const {
  const auto bytes = bytes_of(address);
  return bytes && std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
           const unsigned whole = network.bits / 8;
           if (!std::equal(bytes->begin(), bytes->begin() + whole, network.bytes.begin())) return false;
           const unsigned rest = network.bits % 8;
           return rest == 0 || ((*bytes)[whole] ^ network.bytes[whole]) >> (8 - rest) == 0;
         });
}

sockaddr_storage TrustedProxies::client_of(const sockaddr_storage& peer, std::string_view head) const {
  sockaddr_storage client = peer;
  if (!trusts(peer) || field_ == ProxyField::kProxyProtocol) return client;
  const bool is_forwarded = field_ == ProxyField::kForwarded;
  std::vector<std::string_view> values = field_values(head, is_forwarded ? "Forwarded" : "X-Forwarded-For");
  for (; !values.empty(); values.pop_back()) {
    for (std::string_view list = values.back(); !list.empty();) {
      const std::string_view item = take_last(list);
      const auto address = forwarded_address(is_forwarded ? for_in(item) : item);
      if (!address) return client;
      client = *address;
      if (!trusts(client)) return client;
    }
  }
  return client;
}

}  // namespace millrace
