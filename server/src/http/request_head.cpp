#include "request_head.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "field_text.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

constexpr std::string_view kEmptyLine = "\r\n\r\n";

// Far larger than any body, and far from overflowing when the head is added.
constexpr std::uint64_t kMaxContentLength = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view kNoHeader = "a header line is malformed: expected \"Name: value\"";
constexpr std::string_view kBareLineEnd = "a bare CR, LF or NUL in the request head";

// cpp-httplib stores the addresses in fields with these names, after fields of the client with the same names.
bool shadows_an_address(std::string_view name) {
  constexpr std::string_view kNames[] = {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view each) { return equals_ignoring_case(name, each); });
}

// What the fields read so far contain.
struct Fields {
  std::optional<std::uint64_t> content_length;
  bool transfer_encoding = false;
  bool host = false;
  bool keep_alive = false;  // a Connection field lists it
};

// Whether the request line's path contains an encoded NUL. cpp-httplib decodes it for the file system, which ends the
// name there, although the rest was checked as a part of it.
bool names_nul(std::string_view request_line) {
  return request_line.substr(0, request_line.find('?')).find("%00") != std::string_view::npos;
}

// The methods that routes can have, and TRACE, which no route has: its 405 names the methods of the path. [RFC
// 9110 9.3]
constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};

RequestError check_method(std::string_view method) {
  if (!is_token(method)) return {400, "the request line does not begin with a method"};
  if (std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods)) return {};
  return {501, "unknown or unsupported method", RefusalReason::kMethod};
}

// [RFC 9112 2.3]
RequestError check_version(std::string_view version) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return {};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
      is_digit(version[7])) {
    return {505, "unsupported HTTP version; expected HTTP/1.1 or HTTP/1.0", RefusalReason::kVersion};
  }
  return {400, "the request line does not end with an HTTP version"};
}

// A host with an optional port. [RFC 3986 3.2.2, 3.2.3] Rejects percent-encoding, which cpp-httplib would decode.
bool is_authority(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_name = [&](char c) {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || is_digit(c) ||
           std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos;
  };
  const std::size_t host_end = text.starts_with('[') ? text.find(']') : std::min(text.find(':'), text.size());
  if (host_end == std::string_view::npos) return false;
  std::string_view host = text.substr(0, host_end);
  std::string_view port = text.substr(host_end);
  if (text.starts_with('[')) {
    host.remove_prefix(1);
    port.remove_prefix(1);
    if (host.empty() || !std::all_of(host.begin(), host.end(), [&](char c) { return is_name(c) || c == ':'; })) {
      return false;
    }
  } else if (!std::all_of(host.begin(), host.end(), is_name)) {
    return false;
  }
  if (port.empty()) return true;
  return port.front() == ':' && std::all_of(port.begin() + 1, port.end(), is_digit);
}

// [RFC 9112 3.2] `begin`: of the target in the head.
RequestError read_target(std::string_view target, std::string_view method, std::size_t begin, RequestHead& head) {
  if (target.empty() || !std::all_of(target.begin(), target.end(), [](char c) { return is_text(c) && c != '\t'; })) {
    return {400, "the request target is empty, or contains blanks or control characters"};
  }
  if (target.front() == '/') return {};
  if (target == "*" && method == "OPTIONS") return {};
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (!equals_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t path = std::min(target.find_first_of("/?#"), target.size());
    if (path == 0 || !is_authority(target.substr(0, path))) break;
    head.authority_begin = begin + scheme.size();
    head.path_begin = head.authority_begin + path;
    return {};
  }
  return {400, "the request target is neither a path nor an http URL"};
}

// Method, target and version, with one blank between one and the next. [RFC 9112 3]
RequestError read_request_line(std::string_view line, RequestHead& head) {
  if (line == "PRI * HTTP/2.0") {
    return {505, "this port speaks clear HTTP/1.1, not HTTP/2", RefusalReason::kHttp2};
  }
  const std::size_t method_end = std::min(line.find(' '), line.size());
  const std::size_t target_end = line.rfind(' ');
  const std::string_view method = line.substr(0, method_end);
  if (!is_token(method) || target_end == std::string_view::npos || target_end <= method_end) {
    return {400, "the request line is malformed: expected \"METHOD /path HTTP/1.1\""};
  }
  const std::string_view version = line.substr(target_end + 1);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (target.find(' ') != std::string_view::npos) return {400, "the request line contains more than two blanks"};
  head.http_1_0 = version == "HTTP/1.0";
  head.to_head = method == "HEAD";
  head.closes = method == "TRACE";  // it has no body: what looks like one must not be read as a request
  if (const RequestError error = check_version(version); error.status != 0) return error;
  if (const RequestError error = check_method(method); error.status != 0) return error;
  return read_target(target, method, method_end + 1, head);
}

RequestError read_content_length(std::string_view value, Fields& fields) {
  std::uint64_t length = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (value.empty() || failure != std::errc{} || end != value.data() + value.size() || length > kMaxContentLength) {
    return {400, "Content-Length is not a number, or too large"};
  }
  if (fields.content_length && *fields.content_length != length) return {400, "two different Content-Length fields"};
  fields.content_length = length;
  return {};
}

RequestError read_field(std::string_view line, RequestHead& head, Fields& fields) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return {400, kNoHeader};
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "Content-Length")) return read_content_length(value, fields);
  if (equals_ignoring_case(name, "Transfer-Encoding")) {
    if (fields.transfer_encoding || !equals_ignoring_case(value, "chunked")) {
      return {501, "unsupported Transfer-Encoding; expected chunked, once", RefusalReason::kTransferCoding};
    }
    fields.transfer_encoding = true;
  } else if (equals_ignoring_case(name, "Host")) {
    if (std::exchange(fields.host, true)) return {400, "Host: given twice"};
    if (!is_authority(value)) return {400, "Host: not a host name, with or without a port"};
  } else if (equals_ignoring_case(name, "Connection")) {
    head.closes = head.closes || lists(value, "close");
    fields.keep_alive = fields.keep_alive || lists(value, "keep-alive");
  } else if (equals_ignoring_case(name, "Expect")) {
    head.expects_continue = head.expects_continue || equals_ignoring_case(value, "100-continue");
  } else if (equals_ignoring_case(name, "Content-Type")) {
    constexpr std::string_view kMultipart = "multipart/";
    head.is_multipart = head.is_multipart || equals_ignoring_case(value.substr(0, kMultipart.size()), kMultipart);
  } else if (equals_ignoring_case(name, "Range")) {
    if (std::count(value.begin(), value.end(), ',') >= static_cast<std::ptrdiff_t>(kMaxRanges)) {
      return {400, "Range: more than 16 parts"};
    }
  } else if (shadows_an_address(name)) {
    return {400, "a header field has a name that is reserved for addresses"};
  } else if (equals_ignoring_case(name, protocol::kLastEventIdHeader)) {
    head.last_event_id = value;
  }
  return {};
}

}  // namespace

std::string too_large_head(std::size_t max_bytes) {
  return "the request head is larger than the limit of " + std::to_string(max_bytes) +
         " bytes (http.max_head_bytes, --max-head-bytes); send fewer or shorter header fields";
}

std::size_t find_head_end(std::string_view input, std::size_t from) {
  const std::size_t overlap = kEmptyLine.size() - 1;
  const std::size_t found = input.find(kEmptyLine, from > overlap ? from - overlap : 0);
  return found == std::string_view::npos ? found : found + kEmptyLine.size();
}

bool may_become_head(std::string_view input, std::size_t from, RequestError& error) {
  constexpr std::string_view kTlsHandshake = "\x16\x03";  // of any version [RFC 8446 5.1]
  if (input.starts_with(kTlsHandshake)) {
    error = {400, "this port speaks clear HTTP/1.1, not TLS: use http://, or a proxy that terminates TLS",
             RefusalReason::kTls};
    return false;
  }
  if (input.starts_with(kTlsHandshake.substr(0, input.size()))) return true;
  if (!is_token_character(input.front())) {
    error = {400, "the request does not begin with a method"};
    return false;
  }
  const std::string_view fresh = input.substr(from > 0 ? from - 1 : 0);
  bool is_clean = fresh.find('\0') == std::string_view::npos;
  for (std::size_t lf = fresh.find('\n'); is_clean && lf != std::string_view::npos; lf = fresh.find('\n', lf + 1)) {
    is_clean = lf > 0 ? fresh[lf - 1] == '\r' : from > 1 && input[from - 2] == '\r';
  }
  for (std::size_t cr = fresh.find('\r'); is_clean && cr != std::string_view::npos; cr = fresh.find('\r', cr + 1)) {
    is_clean = cr + 1 == fresh.size() || fresh[cr + 1] == '\n';
  }
  if (!is_clean) error = {400, kBareLineEnd};
  return is_clean;
}

std::string with_origin_form(std::string_view text, const RequestHead& head) {
  const std::string_view authority = text.substr(head.authority_begin, head.path_begin - head.authority_begin);
  const std::size_t line_end = text.find("\r\n");
  const std::string_view rest = text.substr(head.path_begin, line_end - head.path_begin);
  std::string rewritten(text.substr(0, text.find(' ') + 1));
  if (!rest.starts_with('/')) rewritten += '/';
  rewritten.append(rest).append("\r\nHost: ").append(authority).append("\r\n");
  text.remove_prefix(line_end + 2);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find("\r\n") + 2);
    text.remove_prefix(line.size());
    if (!equals_ignoring_case(line.substr(0, line.find(':')), "Host")) rewritten.append(line);
  }
  return rewritten;
}

std::optional<RequestHead> parse_request_head(std::string_view text, RequestError& error) {
  if (!may_become_head(text, 0, error)) return std::nullopt;
  RequestHead head;
  head.bytes = text.size();
  Fields fields;
  text.remove_suffix(2);  // the empty line

  for (bool is_request_line = true; !text.empty(); is_request_line = false) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    error = {};
    if (line.size() + 2 > kMaxRequestLineBytes) {
      error = is_request_line ? RequestError{414, "the request line is longer than 8190 bytes, a fixed limit",
                                             RefusalReason::kHeadTooLarge}
                              : RequestError{431, "a header line is longer than 8190 bytes, a fixed limit",
                                             RefusalReason::kHeadTooLarge};
    } else if (!is_request_line) {
      error = read_field(line, head, fields);
    } else if (names_nul(line)) {
      error = {400, "the path contains a NUL (%00)"};
    } else {
      error = read_request_line(line, head);
    }
    if (error.status != 0) return std::nullopt;
  }
  if (fields.transfer_encoding && (fields.content_length || head.http_1_0)) {
    error = {400, "Transfer-Encoding together with Content-Length or HTTP/1.0"};
    return std::nullopt;
  }
  if (!fields.host && !head.http_1_0) {
    error = {400, "Host: missing; HTTP/1.1 requires it"};
    return std::nullopt;
  }
  head.closes = head.closes || (head.http_1_0 && !fields.keep_alive);
  head.chunked = fields.transfer_encoding;
  head.content_length = fields.content_length.value_or(0);
  return head;
}

}  // namespace millrace
