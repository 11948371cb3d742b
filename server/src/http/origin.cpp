#include "origin.h"

#include <arpa/inet.h>

#include <algorithm>

namespace millrace {

namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// The position of the colon before the port; the size if there is no port.
std::size_t port_position(std::string_view authority) {
  const std::size_t from = authority.starts_with('[') ? std::min(authority.find(']'), authority.size()) : 0;
  return std::min(authority.find(':', from), authority.size());
}

std::string without_port(std::string_view authority, std::string_view default_port) {
  const std::size_t position = port_position(authority);
  const bool is_default = position < authority.size() && authority.substr(position + 1) == default_port;
  return lower_case(is_default ? authority.substr(0, position) : authority);
}

}  // namespace

bool is_origin(std::string_view text) {
  const std::size_t separator = text.find("://");
  if (separator == std::string_view::npos || separator == 0) return false;
  const std::string_view authority = text.substr(separator + 3);
  return !authority.empty() && authority.find_first_of("/?#@ \t\r\n*") == std::string_view::npos;
}

std::string host_name(std::string_view host_header) {
  return lower_case(host_header.substr(0, port_position(host_header)));
}

bool is_loopback_name(std::string_view name) {
  if (name == "localhost" || name == "[::1]") return true;
  in_addr address{};
  // Only the four plain decimal numbers: inet_pton takes nothing else.
  return name.starts_with("127.") && ::inet_pton(AF_INET, std::string(name).c_str(), &address) == 1;
}

bool is_same_origin(std::string_view origin, std::string_view host_header) {
  if (!is_origin(origin) || host_header.empty()) return false;
  const std::size_t separator = origin.find("://");
  const std::string_view default_port = origin.substr(0, separator) == "https" ? "443" : "80";
  return without_port(origin.substr(separator + 3), default_port) == without_port(host_header, default_port);
}

}  // namespace millrace
