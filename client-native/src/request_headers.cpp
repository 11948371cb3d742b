#include "request_headers.h"

#include <strings.h>

#include <algorithm>
#include <stdexcept>

#include "content_decoder.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

bool same_name(const std::string& a, const std::string& b) {
  return strcasecmp(a.c_str(), b.c_str()) == 0;
}

void replace(HttpHeaders& headers, const HttpHeaders& with) {
  std::erase_if(headers, [&](const auto& header) {
    return std::any_of(with.begin(), with.end(),
                       [&](const auto& other) { return same_name(header.first, other.first); });
  });
  headers.insert(headers.end(), with.begin(), with.end());
}

}  // namespace

bool is_token(const std::string& text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || kMarks.find(c) != kMarks.npos;
  });
}

void check_headers(const HttpHeaders& headers) {
  for (const auto& [name, value] : headers) {
    if (!is_token(name)) {
      throw std::invalid_argument("header \"" + name + "\": not a header name (letters, digits and !#$%&'*+-.^_`|~)");
    }
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
      throw std::invalid_argument("header \"" + name + "\": its value contains CR, LF or NUL, which cannot be sent");
    }
    if (same_name(name, std::string(protocol::kLastEventIdHeader))) {
      throw std::invalid_argument("header \"" + name + "\": use the option last_event_id, which follows the stream");
    }
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Connection"}) {
      if (same_name(name, own)) throw std::invalid_argument("header \"" + name + "\": Millrace sets it itself");
    }
  }
}

void check_credentials(const EventSourceOptions& options) {
  const bool has_header = std::any_of(options.headers.begin(), options.headers.end(),
                                      [](const auto& header) { return same_name(header.first, "Authorization"); });
  if (int{has_header} + int{!options.bearer_token.empty()} + int{options.basic.has_value()} > 1) {
    throw std::invalid_argument(
        "bearer_token, basic and an Authorization header exclude each other: set only one of them");
  }
  if (options.bearer_token.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    throw std::invalid_argument("bearer_token: contains CR, LF or NUL, which cannot be sent");
  }
  if (!options.basic) return;
  if (options.basic->user.find(':') != std::string::npos) {
    throw std::invalid_argument("basic: the user name must not contain a colon");
  }
  if ((options.basic->user + options.basic->password).find('\0') != std::string::npos) {
    throw std::invalid_argument("basic: contains NUL, which cannot be sent");
  }
}

// [WHATWG 9.2.2: Accept and no caching] [WHATWG 9.2.4: Last-Event-ID, as UTF-8]
HttpHeaders request_headers(const EventSourceOptions& options, const HttpHeaders& for_attempt,
                            std::string_view last_event_id) {
  std::string fields(protocol::kTopicField);
  if (options.traces) fields.append(",").append(protocol::kTraceFields);
  HttpHeaders headers = {{"Accept", std::string(protocol::kContentType)},
                         {"Cache-Control", "no-cache"},
                         {"Accept-Encoding", std::string(ContentDecoder::accepted())},
                         {std::string(protocol::kFieldsHeader), fields}};
  if (!options.bearer_token.empty()) headers.emplace_back("Authorization", "Bearer " + options.bearer_token);
  replace(headers, options.headers);
  replace(headers, for_attempt);
  if (!last_event_id.empty()) headers.emplace_back(protocol::kLastEventIdHeader, last_event_id);
  return headers;
}

}  // namespace millrace
