// RequestHead: the part of an HTTP/1 request's head that decides where the request ends and how it is routed.
//
// It runs before cpp-httplib, which does the complete parsing. It refuses everything that two parsers could read in two
// ways: bare CR or LF, folded lines, two lengths, two hosts. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shares/refusal_reason.h"

namespace millrace {

struct RequestHead {
  std::size_t bytes = 0;  ///< of the head, including its empty line
  std::uint64_t content_length = 0;
  bool chunked = false;           ///< Transfer-Encoding: chunked
  bool expects_continue = false;  ///< Expect: 100-continue
  bool http_1_0 = false;
  bool is_http2 = false;  ///< an HTTP/2 request, whose response's body needs no framing
  bool to_head = false;   ///< the method is HEAD: its response has no body
  bool closes = false;    ///< the client takes no further response on the connection [RFC 9112 9.3]
  /// For a target in absolute form: positions of its authority and its path in the head. 0: it is in origin form.
  std::size_t authority_begin = 0;
  std::size_t path_begin = 0;
  bool is_multipart = false;  ///< Content-Type: multipart/…
  std::string last_event_id;  ///< the header's value, byte for byte; empty without the header
};

/// Why a request cannot be served: as a status and a sentence, and for the metrics.
struct RequestError {
  int status = 0;
  std::string_view sentence;
  RefusalReason reason = RefusalReason::kMalformed;
};

/// Longest line of a request head, in bytes: cpp-httplib's bound.
inline constexpr std::size_t kMaxRequestLineBytes = 8192;

/// Most parts of a body that one Range may ask for.
inline constexpr std::size_t kMaxRanges = 16;

/// The sentence of a 431: names the limit.
std::string too_large_head(std::size_t max_bytes);

/// The position after the head's empty line; npos if it has not arrived yet. `from`: where an earlier search ended.
std::size_t find_head_end(std::string_view input, std::size_t from);

/// Whether an incomplete head can still become valid: it has no bare CR or LF, and begins like a request. Otherwise
/// sets `error`. `from`: where an earlier check ended.
bool may_become_head(std::string_view input, std::size_t from, RequestError& error);

/// Rewrites a head from absolute to origin form, with the target's authority as its `Host`. [RFC 9112 3.2.2]
std::string with_origin_form(std::string_view text, const RequestHead& head);

/// Parses a whole head. Sets `error` and returns nothing if it cannot be served. [RFC 9112 3, 5 and 6]
std::optional<RequestHead> parse_request_head(std::string_view head, RequestError& error);

}  // namespace millrace
