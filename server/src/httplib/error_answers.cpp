#include "error_answers.h"

#include <string>
#include <utility>

#include "base/option_name.h"
#include "connection/connection_loop.h"
#include "http/error_response.h"
#include "httplib_bridge.h"
#include "httplib_versions.h"
#include "refusal.h"
#include "shares/retry_spread.h"

namespace millrace {

namespace {

constexpr std::string_view kOutOfRange = "Range: lies beyond the end of the content";

bool is_trace(const httplib::Request& request) {
  return request.method == "TRACE";
}

bool is_bare(const httplib::Response& response) {
  return response.body.empty() && response.content_provider_ == nullptr;
}

// Whether no route takes the request. cpp-httplib then answers 404, and 400 to a method for which it has no routes.
bool is_unrouted(const RouteTable& routes, const httplib::Request& request, const httplib::Response& response) {
  const bool is_unanswered = response.status == 404 || (response.status == 400 && is_trace(request));
  return is_unanswered && is_bare(response) && routes.find(request.method, request.path) == RouteTable::Reads::kNothing;
}

// Whether cpp-httplib has refused the body and no handler has seen the request. Until 0.46 it reads the body before it
// looks for a route.
bool was_unread(const Exchange& exchange, const httplib::Request& request, const httplib::Response& response) {
  if (response.status != 400 && response.status != 413) return false;
  return exchange.is_body_refused || !is_matched(request);
}

// The sentence for a request that cpp-httplib itself has refused, before any exchange was attached.
std::string sentence_of(int status, const httplib::Request& request) {
  switch (status) {
    case 414:
      return "the request line is too long";
    case 416:
      return "Range: cannot be read";
    case 400:
      if (request.headers.size() >= kMaxHttplibFields) {
        return "the request has more than " + std::to_string(kMaxHttplibFields) +
               " header fields (CPPHTTPLIB_HEADER_MAX_COUNT)";
      }
      if (may_httplib_refuse_accept(request.get_header_value("Accept"))) return "Accept: cannot be read";
      return "the request is malformed";
    default:
      return std::string(reason_phrase(status));
  }
}

}  // namespace

void refuse_body(const httplib::Request& request, httplib::Response& response) {
  const auto refuse_with = [&](int status, RefusalReason reason, std::string_view sentence) {
    refuse(request, response, status, reason, sentence);
  };
  const Exchange& exchange = HttplibBridge::exchange_of(request);
  switch (exchange.body_failure) {
    case BodyFailure::kTooLarge:
      return refuse_with(413, RefusalReason::kBodyTooLarge,
                         "body: larger than the limit of " + std::to_string(exchange.max_body_bytes) + " bytes (" +
                             name_of_option(exchange.loop.settings().options, "http.max_body_bytes") +
                             "), as sent or decoded; send it in several requests");
    case BodyFailure::kUnknownCoding:
      return refuse_with(415, RefusalReason::kContentEncoding,
                         "Content-Encoding: not supported; send the body unencoded or in gzip");
    case BodyFailure::kCoding:
      return refuse_with(400, RefusalReason::kInvalid, "body: does not match its Content-Encoding");
    case BodyFailure::kFraming:
      return refuse_with(400, RefusalReason::kMalformed,
                         "body: its chunks are malformed, or a line of its multipart headers is too long");
    case BodyFailure::kTooSlow:
      return refuse_with(408, RefusalReason::kTooSlow, "body: did not arrive in time");
    case BodyFailure::kMemory:
      response.set_header("Retry-After", std::to_string(kRetryAfter.count() / 1000));
      return refuse_with(503, RefusalReason::kMemory, kNoMemory);
    case BodyFailure::kNone:
    case BodyFailure::kNoRoute:
    case BodyFailure::kEndedEarly:
      return refuse_with(400, RefusalReason::kInvalid, "body: ended early, or does not match its headers");
  }
}

void answer_late(Exchange& exchange) {
  if (exchange.output.status() != 416 || exchange.is_error_seen) return;
  exchange.output.give_body("application/json", error_body(kOutOfRange));
}

void keep_alive_behind_error(const httplib::Response& response, const std::string& terms, Exchange& exchange) {
  if (kHttplibClosesOnErrors && !response.has_header("Connection")) exchange.output.keep_alive_with(terms);
}

httplib::Server::HandlerResponse ErrorAnswers::operator()(const httplib::Request& request,
                                                          httplib::Response& response) const {
  const bool is_out_of_range = response.status == 416 && request.has_header("Range");
  const_cast<httplib::Request&>(request).ranges.clear();  // ranges of the requested body, not of an error
  if (Exchange* const exchange = HttplibBridge::find_exchange(request)) {
    exchange->is_error_seen = true;
    complete(*exchange, request, response);
    // Of those versions that call an error handler about it; of others answer_late() does it.
    if (is_out_of_range && is_bare(response)) response.set_content(error_body(kOutOfRange), "application/json");
    keep_alive_behind_error(response, keep_alive, *exchange);
  } else {
    ask_program(request, response);
    if (is_bare(response)) {
      response.set_content(error_body(sentence_of(response.status, request)), "application/json");
    }
  }
  return is_bare(response) ? httplib::Server::HandlerResponse::Unhandled : httplib::Server::HandlerResponse::Handled;
}

void ErrorAnswers::complete(Exchange& exchange, const httplib::Request& request, httplib::Response& response) const {
  if (exchange.refusal != RefusalReason::kHandler) {
    keep_refusal(request, response);
  } else if (exchange.body_failure == BodyFailure::kNoRoute || is_unrouted(*routes, request, response)) {
    answer_unrouted(request, response);
  } else if (is_bare(response) && exchange.body_failure != BodyFailure::kNone) {
    refuse_body(request, response);
    keep_refusal(request, response);
  } else {
    ask_program(request, response);
    if (is_bare(response) && was_unread(exchange, request, response)) {
      response.set_content(error_body(response.status == 413 ? "body: a form may have at most 8192 bytes"
                                                             : "body: does not match its Content-Type"),
                           "application/json");
    }
  }
}

// [RFC 9110 15.5.6] The program may have its own page for unknown paths.
void ErrorAnswers::answer_unrouted(const httplib::Request& request, httplib::Response& response) const {
  const std::string methods = routes->allowed(request.path);
  response.status = methods.empty() ? 404 : 405;
  if (!methods.empty()) response.set_header("Allow", methods);
  ask_program(request, response);
  if (!is_bare(response)) return;
  if (response.status == 405) {
    const RefusalReason reason = is_trace(request) ? RefusalReason::kMethod : RefusalReason::kHandler;
    refuse(request, response, 405, reason, "this path does not allow the method; allowed: " + methods);
  } else if (response.status == 404) {
    refuse(request, response, 404, RefusalReason::kHandler, "no route for this path");
  }
}

void ErrorAnswers::ask_program(const httplib::Request& request, httplib::Response& response) const {
  if (of_program != nullptr) of_program(request, response);
}

// The program's error handler gets the refusal and may add fields to it, for example for CORS.
void ErrorAnswers::keep_refusal(const httplib::Request& request, httplib::Response& response) const {
  if (of_program == nullptr) return;
  httplib::Response shaped;
  shaped.version = response.version;
  shaped.status = response.status;
  shaped.headers = response.headers;
  shaped.body = response.body;
  of_program(request, shaped);
  for (const char* const name : {"Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding"}) {
    shaped.headers.erase(name);
    const auto [begin, end] = response.headers.equal_range(name);
    for (auto field = begin; field != end; ++field) shaped.headers.emplace(field->first, field->second);
  }
  response.headers = std::move(shaped.headers);
}

}  // namespace millrace
