#include "response_output.h"

#include <cassert>
#include <charconv>
#include <string>

#include "field_text.h"

namespace millrace {

namespace {

constexpr std::string_view kCloses = "Connection: close\r\n";
constexpr std::string_view kKeepsAlive = "Connection: keep-alive\r\n";

// The status in a first line such as `HTTP/1.1 200 OK`.
int status_in(std::string_view head) {
  constexpr std::size_t kBegin = std::string_view("HTTP/1.1 ").size();
  int status = 0;
  if (head.size() > kBegin) std::from_chars(head.data() + kBegin, head.data() + head.size(), status);
  return status;
}

// Calls `visit` with each line, its end included, its name and its value.
template <typename Visit>
void for_each_field(std::string_view head, Visit visit) {
  head.remove_prefix(head.find("\r\n") + 2);
  while (head.size() > 2) {
    const std::string_view line = head.substr(0, head.find("\r\n") + 2);
    head.remove_prefix(line.size());
    const std::size_t colon = std::min(line.find(':'), line.size() - 2);
    visit(line, line.substr(0, colon), trimmed(line.substr(colon + 1, line.size() - colon - 3)));
  }
}

}  // namespace

bool ResponseOutput::append(std::string_view bytes, bool closes) {
  while (!has_head()) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      bytes_.append(bytes);  // not a response: this does not happen
      return true;
    }
    take_head(bytes.substr(0, end + 4), closes);
    bytes.remove_prefix(end + 4);
    if (bytes.empty()) return true;
  }
  if (forbids_body_) return bytes.empty();
  if (chunks_) {
    chunks_->read(bytes, bytes_);
  } else {
    bytes_.append(bytes);
  }
  return true;
}

void ResponseOutput::give_body(std::string_view type, std::string_view body) {
  if (!bytes_.starts_with("HTTP/") || bytes_.find("\r\n\r\n") + 4 != bytes_.size()) return;
  std::string head = bytes_.substr(0, bytes_.find("\r\n") + 2);
  for_each_field(bytes_, [&](std::string_view line, std::string_view name, std::string_view) {
    for (const char* const of_body : {"Content-Type", "Content-Length", "Content-Range", "Transfer-Encoding"}) {
      if (equals_ignoring_case(name, of_body)) return;
    }
    head.append(line);
  });
  head.append("Content-Type: ").append(type).append("\r\nContent-Length: ").append(std::to_string(body.size()));
  bytes_ = head.append("\r\n\r\n");
  if (!forbids_body_) bytes_.append(body);
}

void ResponseOutput::take_head(std::string_view head, bool closes) {
  const int status = status_in(head);
  if (status >= 100 && status < 200) {  // the final response follows
    bytes_.append(head);
    return;
  }
  assert(!has_head());  // a response has one
  status_ = status > 0 ? status : 500;
  forbids_body_ = to_head_ || status == 204 || status == 304;
  look_at(head);
  if (is_chunked_ && to_http_1_0_ && !forbids_body_) chunks_.emplace();
  closes = closes || ends_with_connection();
  const bool stays = !closes && closes_ == 1 && !keep_alive_terms_.empty();
  if (stays) closes_ = 0;
  const bool is_right = !forbids_body_ && !to_http_1_0_ && !(closes && says_keep_alive_) && !stays;
  if (is_right) {
    bytes_.append(head);
  } else {
    rewrite(head, closes, stays);
  }
}

void ResponseOutput::look_at(std::string_view head) {
  for_each_field(head, [this](std::string_view, std::string_view name, std::string_view value) {
    has_length_ = has_length_ || equals_ignoring_case(name, "Content-Length");
    is_chunked_ = is_chunked_ || equals_ignoring_case(name, "Transfer-Encoding");
    says_keep_alive_ = says_keep_alive_ || equals_ignoring_case(name, "Keep-Alive");
    const bool is_connection = equals_ignoring_case(name, "Connection");
    has_connection_ = has_connection_ || is_connection;
    if (is_connection && lists(value, "close")) ++closes_;
  });
}

void ResponseOutput::rewrite(std::string_view head, bool closes, bool stays) {
  bytes_.append(head.substr(0, head.find("\r\n") + 2));
  bool says_connection = has_connection_ && !stays;
  for_each_field(head, [&](std::string_view line, std::string_view name, std::string_view value) {
    if (closes && equals_ignoring_case(name, "Keep-Alive")) {
      if (!says_connection) bytes_.append(kCloses);
      says_connection = true;
    } else if (stays && equals_ignoring_case(name, "Connection")) {
      bytes_.append("Keep-Alive: ").append(keep_alive_terms_).append("\r\n");
    } else if (!drops(name, value)) {
      bytes_.append(line);
    }
  });
  if (!says_connection && to_http_1_0_) bytes_.append(closes ? kCloses : kKeepsAlive);
  bytes_.append("\r\n");
}

// cpp-httplib answers HEAD with a length of 0 if it does not know the body, as for a stream.
bool ResponseOutput::drops(std::string_view name, std::string_view value) const {
  const bool has_none = status_ == 204 || status_ == 304;
  if (equals_ignoring_case(name, "Content-Length")) return has_none || (to_head_ && value == "0");
  return equals_ignoring_case(name, "Transfer-Encoding") && (has_none || to_http_1_0_);
}

}  // namespace millrace
