#include "request_head.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>

#include "field_text.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

constexpr std::string_view kEmptyLine = "\r\n\r\n";

// Far beyond any body, and as far from what head and body together would overflow.
constexpr std::uint64_t kMaxContentLength = std::numeric_limits<std::int64_t>::max();

// [RFC 9110 5.6.2] The characters of a field name.
bool is_token(std::string_view text) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || kSymbols.find(c) != std::string_view::npos;
  });
}

// cpp-httplib puts the addresses into fields of these names, behind what the client has sent under them.
bool shadows_an_address(std::string_view name) {
  constexpr std::string_view kNames[] = {"REMOTE_ADDR", "REMOTE_PORT", "LOCAL_ADDR", "LOCAL_PORT"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view each) { return equals_ignoring_case(name, each); });
}

// What the framing fields have said so far.
struct Framing {
  std::optional<std::uint64_t> content_length;
  bool transfer_encoding = false;
};

// Whether a NUL is written into the request line's path. cpp-httplib decodes it and gives it to the file system, which
// takes it for the end of a name that has been judged by what comes behind.
bool names_nul(std::string_view request_line) {
  return request_line.substr(0, request_line.find('?')).find("%00") != std::string_view::npos;
}

RequestError read_content_length(std::string_view value, Framing& framing) {
  std::uint64_t length = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (value.empty() || failure != std::errc{} || end != value.data() + value.size() || length > kMaxContentLength) {
    return {400, "Content-Length is not a number, or larger than any body can be"};
  }
  if (framing.content_length && *framing.content_length != length) return {400, "two different Content-Length fields"};
  framing.content_length = length;
  return {};
}

RequestError read_field(std::string_view line, RequestHead& head, Framing& framing) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return {400, "a header line is malformed: expected \"Name: value\""};
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "Content-Length")) return read_content_length(value, framing);
  if (equals_ignoring_case(name, "Transfer-Encoding")) {
    if (framing.transfer_encoding || !equals_ignoring_case(value, "chunked")) {
      return {501, "the only Transfer-Encoding served is chunked, once", RefusalReason::kTransferCoding};
    }
    framing.transfer_encoding = true;
  } else if (equals_ignoring_case(name, "Expect")) {
    head.expects_continue = head.expects_continue || equals_ignoring_case(value, "100-continue");
  } else if (equals_ignoring_case(name, "Content-Type")) {
    constexpr std::string_view kMultipart = "multipart/";
    head.is_multipart = head.is_multipart || equals_ignoring_case(value.substr(0, kMultipart.size()), kMultipart);
  } else if (equals_ignoring_case(name, "Range")) {
    if (std::count(value.begin(), value.end(), ',') >= static_cast<std::ptrdiff_t>(kMaxRanges)) {
      return {400, "Range: asks for more than 16 parts"};
    }
  } else if (shadows_an_address(name)) {
    return {400, "a header field of a name that stands for an address"};
  } else if (equals_ignoring_case(name, protocol::kLastEventIdHeader)) {
    head.last_event_id = value;
  }
  return {};
}

}  // namespace

std::size_t find_head_end(std::string_view input, std::size_t from) {
  const std::size_t overlap = kEmptyLine.size() - 1;
  const std::size_t found = input.find(kEmptyLine, from > overlap ? from - overlap : 0);
  return found == std::string_view::npos ? found : found + kEmptyLine.size();
}

std::optional<RequestHead> parse_request_head(std::string_view text, RequestError& error) {
  RequestHead head;
  head.bytes = text.size();
  Framing framing;
  text.remove_suffix(2);  // the empty line

  const std::size_t first_line = text.find("\r\n");
  head.http_1_0 = text.substr(0, first_line).ends_with(" HTTP/1.0");
  for (bool is_request_line = true; !text.empty(); is_request_line = false) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    error = {};
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
      error = {400, "a bare CR, LF or NUL in the request head"};
    } else if (line.size() + 2 > kMaxRequestLineBytes) {
      error = is_request_line
                  ? RequestError{414, "the request line is longer than 8190 bytes", RefusalReason::kHeadTooLarge}
                  : RequestError{431, "a header line is longer than 8190 bytes", RefusalReason::kHeadTooLarge};
    } else if (!is_request_line) {
      error = read_field(line, head, framing);
    } else if (names_nul(line)) {
      error = {400, "the path has a NUL (%00) in it"};
    }
    if (error.status != 0) return std::nullopt;
  }
  if (framing.transfer_encoding && (framing.content_length || head.http_1_0)) {
    error = {400, "Transfer-Encoding together with Content-Length or HTTP/1.0"};
    return std::nullopt;
  }
  head.chunked = framing.transfer_encoding;
  head.content_length = framing.content_length.value_or(0);
  return head;
}

}  // namespace millrace
