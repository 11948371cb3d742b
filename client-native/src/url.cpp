#include "millrace/client/url.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "portable_calls.h"

namespace millrace {

namespace {

constexpr std::string_view kExpected = "expected http(s)://host[:port]/path";
constexpr std::size_t kNpos = std::string_view::npos;

[[noreturn]] void refuse(std::string_view text, std::string_view problem) {
  throw std::invalid_argument("URL \"" + std::string(text) + "\": " + std::string(problem) + "; " +
                              std::string(kExpected));
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

void append_percent_encoded(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// Path and query for the request line: what the standard's encode sets name is percent-encoded, `%` itself is not.
std::string encode_target(std::string_view target) {
  constexpr std::string_view kEncoded = " \"<>`{}";
  std::string result;
  for (const char c : target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x7f || kEncoded.find(c) != kNpos) {
      append_percent_encoded(result, c);
    } else {
      result += c;
    }
  }
  return result;
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Length of `scheme` in a leading `scheme:`, or kNpos. [RFC 3986 3.1]
std::size_t scheme_length(std::string_view text) {
  const std::size_t end = text.find_first_of(":/?#");
  if (end == kNpos || end == 0 || text[end] != ':' || !(text[0] >= 'A' && is_alphanumeric(text[0]))) return kNpos;
  const bool valid = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
                                 [](char c) { return is_alphanumeric(c) || c == '+' || c == '-' || c == '.'; });
  return valid ? end : kNpos;
}

void parse_port(std::string_view text, std::string_view digits, Url& url) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
  if (error != std::errc() || end != digits.data() + digits.size() || url.port == 0) {
    refuse(text, "\"" + std::string(digits) + "\" is not a port (1 to 65535)");
  }
}

void parse_authority(std::string_view text, std::string_view authority, Url& url) {
  if (authority.find('@') != kNpos) {
    refuse(text, "a user name in the URL is not supported; send an Authorization header instead");
  }
  std::string_view rest;  // what follows the host: nothing or `:port`
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == kNpos) refuse(text, "missing ] after the IPv6 address");
    url.host = authority.substr(1, bracket - 1);
    rest = authority.substr(bracket + 1);
    if (!is_ipv6(url.host)) refuse(text, "\"" + url.host + "\" is not an IPv6 address");
    if (!rest.empty() && rest[0] != ':') refuse(text, "there is text after the IPv6 address");
  } else {
    const std::size_t colon = authority.find(':');
    url.host = lower(authority.substr(0, colon));
    if (colon != kNpos) rest = authority.substr(colon);
    if (url.host.empty()) refuse(text, "missing host");
    for (const char c : url.host) {
      if (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_') {
        refuse(text,
               "the host contains a character that is not allowed in host names (write other alphabets in xn-- form)");
      }
    }
  }
  if (rest.size() > 1) parse_port(text, rest.substr(1), url);
}

// [RFC 3986 5.2.4]
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> segments;
  bool directory = false;  // the path ends in a slash
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t slash = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, slash - begin);
    directory = segment == "." || segment == "..";
    if (segment == ".." && !segments.empty()) segments.pop_back();
    if (!directory) segments.push_back(segment);
    begin = slash + 1;
  }
  std::string result;
  for (const std::string_view segment : segments) result.append("/").append(segment);
  if (directory || result.empty()) result += '/';
  return result;
}

}  // namespace

Url Url::parse(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse(text, "it contains a control character");
  }
  const std::size_t scheme_end = scheme_length(text);
  if (scheme_end == kNpos) refuse(text, "missing scheme");
  const std::string scheme = lower(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") refuse(text, "the scheme \"" + scheme + "\" is not supported");
  std::string_view rest = text.substr(scheme_end + 1);
  if (!rest.starts_with("//")) refuse(text, "missing \"//\" after the scheme");
  rest.remove_prefix(2);
  rest = rest.substr(0, rest.find('#'));

  Url url;
  url.https = scheme == "https";
  url.port = url.https ? 443 : 80;
  const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  parse_authority(text, rest.substr(0, authority_end), url);
  url.target = encode_target(rest.substr(authority_end));
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

Url Url::resolve(std::string_view reference) const {
  reference = reference.substr(0, reference.find('#'));
  if (scheme_length(reference) != kNpos) return parse(reference);
  if (reference.starts_with("//")) return parse((https ? "https:" : "http:") + std::string(reference));
  if (reference.empty()) return *this;

  const std::string_view base_path = std::string_view(target).substr(0, target.find('?'));
  const std::size_t path_end = std::min(reference.find('?'), reference.size());
  std::string path(reference.substr(0, path_end));
  if (path.empty()) {
    path = base_path;
  } else if (path[0] != '/') {
    path.insert(0, base_path.substr(0, base_path.rfind('/') + 1));
  }
  return parse(origin() + remove_dot_segments(path) + std::string(reference.substr(path_end)));
}

std::string Url::authority() const {
  const std::string name = host.find(':') == kNpos ? host : "[" + host + "]";
  return port == (https ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

std::string Url::origin() const {
  return (https ? "https://" : "http://") + authority();
}

std::string encode_query_value(std::string_view value) {
  constexpr std::string_view kPlain = "-._~/*";
  std::string result;
  for (const char c : value) {
    if (is_alphanumeric(c) || kPlain.find(c) != kNpos) {
      result += c;
    } else {
      append_percent_encoded(result, c);
    }
  }
  return result;
}

}  // namespace millrace
