#include "redis_address.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

constexpr std::string_view kScheme = "redis://";
constexpr std::string_view kTlsScheme = "rediss://";
constexpr const char* kExpected = "expected redis[s]://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]";

[[noreturn]] void refuse(const std::string& why) {
  throw InvalidOption("open_redis(url)", why + "; " + kExpected);
}

template <typename Number>
std::optional<Number> number_of(std::string_view text, int base = 10) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const auto byte = i + 2 < text.size() ? number_of<unsigned char>(text.substr(i + 1, 2), 16) : std::nullopt;
    if (!byte) refuse("the user or the password has a % without two hexadecimal digits after it; write %25 for %");
    result += static_cast<char>(*byte);
    i += 2;
  }
  return result;
}

// The port's text, after the host; IPv6 addresses are in brackets.
std::string_view split_host(std::string_view host, std::string& name) {
  std::size_t colon = host.find(':');
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) refuse("the IPv6 address has no closing bracket");
    name = host.substr(1, end - 1);
    colon = end + 1 == host.size() ? std::string_view::npos : end + 1;
    if (colon != std::string_view::npos && host[colon] != ':') refuse("expected a colon between host and port");
  } else {
    name = host.substr(0, colon);
  }
  return colon == std::string_view::npos ? std::string_view() : host.substr(colon + 1);
}

}  // namespace

RedisAddress RedisAddress::parse(std::string_view url) {
  RedisAddress address;
  address.tls = url.starts_with(kTlsScheme);
  if (!address.tls && !url.starts_with(kScheme)) refuse("the scheme is not redis:// or rediss://");
  url.remove_prefix(address.tls ? kTlsScheme.size() : kScheme.size());
  const std::size_t at = url.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view user = url.substr(0, at);
    const std::size_t colon = user.find(':');
    if (colon == std::string_view::npos)
      refuse("a user without a password; expected USER:PASSWORD or :PASSWORD before the @");
    address.user = decoded(user.substr(0, colon));
    address.password = decoded(user.substr(colon + 1));
    url.remove_prefix(at + 1);
  }
  const std::size_t slash = url.find('/');
  if (slash != std::string_view::npos) {
    address.database = url.substr(slash + 1);
    if (!address.database.empty() && !number_of<std::uint32_t>(address.database)) {
      refuse("the database is not a number");
    }
    url = url.substr(0, slash);
  }
  if (url.find(',') != std::string_view::npos) {
    refuse("there are several hosts, and Sentinel is not supported: name one that leads to the primary");
  }
  const std::string_view port = split_host(url, address.host);
  if (address.host.empty()) refuse("the host is missing");
  if (url.ends_with(':') || !port.empty()) {
    const auto number = number_of<std::uint16_t>(port);
    if (!number || *number == 0) refuse("the port is not a number from 1 to 65535");
    address.port = *number;
  }
  return address;
}

std::string RedisAddress::shown() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  std::string text =
      std::string(tls ? kTlsScheme : kScheme) + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
  if (!database.empty()) text += "/" + database;
  return text;
}

}  // namespace millrace
