#include "store_address.h"

#include <algorithm>
#include <stdexcept>

#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

constexpr std::string_view kNats = "nats://";
constexpr std::string_view kTls = "tls://";
constexpr std::size_t kMaxStreamBytes = 64;

bool is_stream_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxStreamBytes && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

bool StoreAddress::is_one(std::string_view text) {
  return text.starts_with(kNats) || text.starts_with(kTls);
}

StoreAddress StoreAddress::parse(std::string_view text) {
  StoreAddress address;
  address.tls = text.starts_with(kTls);
  const std::string_view scheme = address.tls ? kTls : kNats;
  text.remove_prefix(scheme.size());
  // A password may contain a slash, a host may not.
  const std::size_t last_user_end = text.rfind('@');
  const std::size_t slash = text.find('/', last_user_end == std::string_view::npos ? 0 : last_user_end);
  if (slash != std::string_view::npos) {
    const std::string_view stream = text.substr(slash + 1);
    if (!is_stream_name(stream)) {
      throw InvalidOption(
          "open_jetstream(url)",
          "\"" + std::string(stream) + "\" is not a valid stream name: expected 1 to 64 letters, digits, - and _");
    }
    address.stream = stream;
    text = text.substr(0, slash);
  }
  // The first server's user also applies to servers without one.
  std::string user;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view server = text.substr(0, comma);
    const std::size_t at = server.rfind('@');
    if (at != std::string_view::npos) user = server.substr(0, at + 1);
    const std::string_view host = at == std::string_view::npos ? server : server.substr(at + 1);
    if (host.empty() || host.front() == ':') {
      throw InvalidOption("open_jetstream(url)", "missing host: expected nats://HOST[:PORT][,HOST[:PORT]…][/STREAM]");
    }
    address.servers.push_back(std::string(scheme) + user + std::string(host));
    if (comma == std::string_view::npos) return address;
    text.remove_prefix(comma + 1);
  }
}

std::string StoreAddress::shown() const {
  std::string text(tls ? kTls : kNats);
  for (const std::string& server : servers) {
    const std::size_t at = server.rfind('@');
    if (&server != &servers.front()) text += ',';
    text += server.substr(at == std::string::npos ? (tls ? kTls : kNats).size() : at + 1);
  }
  return text + "/" + stream;
}

}  // namespace millrace
