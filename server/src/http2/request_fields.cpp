#include "request_fields.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "connection_fields.h"
#include "http/field_text.h"

namespace millrace {

namespace {

// The size that each field counts besides its texts. [RFC 9113 6.5.2]
constexpr std::size_t kFieldOverhead = 32;

// Far larger than any body.
constexpr std::uint64_t kLongestBody = std::uint64_t{1} << 59;

// [RFC 9113 8.2.1]
bool is_name(std::string_view name) {
  return is_token(name) && std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_value(std::string_view value) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (is_blank(value.front()) || is_blank(value.back()))) return false;
  return value.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

// Whether the text can be a part of a request line: without blanks.
bool is_line_part(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_text(c) && c != ' ' && c != '\t'; });
}

}  // namespace

void RequestFields::fail(std::string_view fault) {
  if (fault_.empty()) fault_ = fault;
}

void RequestFields::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (is_too_large() || !fault_.empty()) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  has_regular_ = true;
  if (!is_name(name)) return fail("a field's name is empty, or has a character that is not allowed");
  if (!is_value(value)) return fail("a field's value has CR, LF or NUL, or blanks around it");
  if (is_connection_field(name)) return fail("a field that HTTP/2 forbids, such as Connection or Upgrade");
  add_regular(name, value);
}

// [RFC 9113 8.3]
void RequestFields::add_pseudo(std::string_view name, std::string_view value) {
  if (section_ == Section::kTrailers) return fail("a pseudo-header field among the trailers");
  if (has_regular_) return fail("a pseudo-header field after a regular one");
  std::optional<std::string>* const known = name == ":method"      ? &method_
                                            : name == ":scheme"    ? &scheme_
                                            : name == ":authority" ? &authority_
                                            : name == ":path"      ? &path_
                                                                   : nullptr;
  if (known == nullptr) return fail("an unknown pseudo-header field");
  if (*known) return fail("a pseudo-header field twice");
  if (!is_line_part(value)) return fail("a pseudo-header field that is empty, or has blanks or control characters");
  known->emplace(value);
}

void RequestFields::add_regular(std::string_view name, std::string_view value) {
  if (section_ == Section::kTrailers) return;  // trailers are dropped
  if (name == "te") {
    if (!equals_ignoring_case(value, "trailers")) fail("TE: expected \"trailers\", or no such field");
    return;
  }
  if (name == "content-length") return take_content_length(value);
  if (name == "host") return take_host(value);
  if (name == "cookie") {  // [RFC 9113 8.2.3]
    if (!cookies_.empty()) cookies_.append("; ");
    cookies_.append(value);
    return;
  }
  lines_.append(name).append(": ").append(value).append("\r\n");
}

void RequestFields::take_content_length(std::string_view value) {
  std::uint64_t length = 0;
  const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
  const bool is_number = !value.empty() && failure == std::errc{} && end == value.data() + value.size();
  if (!is_number || length > kLongestBody) {
    return fail("Content-Length is not a number, or too large");
  }
  if (content_length_ && *content_length_ != length) return fail("two different Content-Length fields");
  content_length_ = length;
}

void RequestFields::take_host(std::string_view value) {
  if (host_) return fail("Host: given twice");
  if (!is_line_part(value)) return fail("Host: empty, or with blanks or control characters");
  host_.emplace(value);
}

// [RFC 9113 8.3.1]
void RequestFields::finish(bool has_body) {
  if (is_too_large() || section_ == Section::kTrailers) return;
  if (!method_) return fail(":method is missing");
  if (!is_token(*method_)) return fail(":method is not a valid method");
  if (method_ == "CONNECT") {  // [RFC 9113 8.5]
    if (scheme_ || path_ || !authority_) return fail("CONNECT has :authority, and neither :scheme nor :path");
  } else {
    if (!scheme_) return fail(":scheme is missing");
    if (!path_) return fail(":path is missing");
    if (!equals_ignoring_case(*scheme_, "http") && !equals_ignoring_case(*scheme_, "https")) {
      return fail(":scheme: expected http or https");
    }
    const bool is_of_server = path_ == "*" && method_ == "OPTIONS";
    if (!path_->starts_with('/') && !is_of_server) return fail(":path does not begin with a slash");
  }
  if (authority_ && authority_->find('@') != std::string::npos) return fail(":authority contains a user name");
  if (authority_ && host_ && !equals_ignoring_case(*authority_, *host_)) return fail("Host differs from :authority");
  if (!has_body && content_length_.value_or(0) > 0) return fail("Content-Length is larger than the body");
}

std::string RequestFields::head() const {
  std::string head = *method_;
  head.append(" ").append(path_ ? *path_ : *authority_).append(" HTTP/1.1\r\n");
  const std::optional<std::string>& host = authority_ ? authority_ : host_;
  if (host) head.append("host: ").append(*host).append("\r\n");
  if (content_length_) head.append("content-length: ").append(std::to_string(*content_length_)).append("\r\n");
  if (!cookies_.empty()) head.append("cookie: ").append(cookies_).append("\r\n");
  return head.append(lines_);
}

}  // namespace millrace
