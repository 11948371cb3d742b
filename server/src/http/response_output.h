// ResponseOutput: one outgoing response. All responses to requests pass through it, whether cpp-httplib, an event loop
// or a refusal made it. Pure.
//
// It drops bodies that are not allowed [RFC 9112 6.3]: in responses to HEAD, 204 and 304. It sets the fields that say
// where a response ends and whether another may follow.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "body_guard.h"
#include "request_head.h"

namespace millrace {

class ResponseOutput {
 public:
  /// `to_head`, `to_http_1_0`: properties of the request.
  ResponseOutput(bool to_head, bool to_http_1_0) : to_head_(to_head), to_http_1_0_(to_http_1_0) {}
  explicit ResponseOutput(const RequestHead& head) : ResponseOutput(head.to_head, head.http_1_0) {}

  /// Appends a part of the response: first its head, possibly after interim ones. `closes`: no other response follows
  /// on the connection. Returns false if the bytes were dropped, since the response has no body.
  bool append(std::string_view bytes, bool closes = false);

  /// Call it before append() gets the head: if the head then has exactly one `Connection: close`, the connection stays
  /// open and the field becomes `Keep-Alive` with `terms`. (Here an error does not end a connection.)
  void keep_alive_with(std::string terms) { keep_alive_terms_ = std::move(terms); }

  /// Adds a body to a response without one, and replaces the fields of its head about the body. Does nothing if the
  /// sender has already removed a part of the response.
  void give_body(std::string_view type, std::string_view body);

  /// The status; 0 before the head.
  int status() const { return status_; }
  bool has_head() const { return status_ > 0; }
  bool forbids_body() const { return forbids_body_; }
  /// Whether the body has no length: each piece must be sent at once.
  bool is_made_as_it_goes() const { return has_head() && !forbids_body_ && !has_length_; }
  /// Whether only the end of the connection ends the response.
  bool ends_with_connection() const { return is_made_as_it_goes() && (!is_chunked_ || to_http_1_0_); }
  /// Whether the head says that the connection closes after the response. [RFC 9112 9.6]
  bool says_close() const { return closes_ > 0; }

  /// The bytes to send. The sender removes those that it has sent.
  std::string& bytes() { return bytes_; }
  const std::string& bytes() const { return bytes_; }

 private:
  void take_head(std::string_view head, bool closes);
  void look_at(std::string_view head);
  void rewrite(std::string_view head, bool closes, bool stays);
  bool drops(std::string_view name, std::string_view value) const;

  bool to_head_;
  bool to_http_1_0_;
  int status_ = 0;
  bool forbids_body_ = false;
  bool has_length_ = false;
  bool is_chunked_ = false;
  bool says_keep_alive_ = false;
  int closes_ = 0;  // fields that say `Connection: close`
  std::string keep_alive_terms_;
  bool has_connection_ = false;
  std::optional<ChunkReader> chunks_;  // removes the chunk framing for HTTP/1.0
  std::string bytes_;
};

}  // namespace millrace
