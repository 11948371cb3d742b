#include "request_headers.h"

#include <strings.h>

#include <algorithm>
#include <stdexcept>

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
      throw std::invalid_argument("header \"" + name + "\": its value holds CR, LF or NUL, which cannot be sent");
    }
    if (same_name(name, std::string(protocol::kLastEventIdHeader))) {
      throw std::invalid_argument("header \"" + name + "\": use the option last_event_id, which follows the stream");
    }
    for (const char* own : {"Content-Length", "Transfer-Encoding", "Connection"}) {
      if (same_name(name, own)) throw std::invalid_argument("header \"" + name + "\": is set by Millrace itself");
    }
  }
}

// [WHATWG 9.2.2: Accept and no caching] [WHATWG 9.2.4: Last-Event-ID, as UTF-8]
HttpHeaders request_headers(const HttpHeaders& always, const HttpHeaders& for_attempt, std::string_view last_event_id) {
  HttpHeaders headers = {{"Accept", std::string(protocol::kContentType)}, {"Cache-Control", "no-cache"}};
  replace(headers, always);
  replace(headers, for_attempt);
  if (!last_event_id.empty()) headers.emplace_back(protocol::kLastEventIdHeader, last_event_id);
  return headers;
}

}  // namespace millrace
