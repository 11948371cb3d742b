#include "httplib_bridge.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>
#include <utility>

#include "auth/client_certificate_field.h"
#include "base/field_order.h"
#include "error_answers.h"
#include "exchange_stream.h"
#include "http/error_response.h"
#include "millrace/core/protocol.h"
#include "refusal.h"
#include "tls/tls_channel.h"

namespace millrace {

namespace {

// Stored in a member of httplib::Request that only clients use, from setup_request to the handler.
struct ExchangeReference {
  Exchange* exchange;
  ExchangeStream* stream;
  bool operator()(const httplib::Response&) const { return true; }
};

// Notes that cpp-httplib has refused a form as unreadable or too large.
void note_refused_body(const httplib::Request& request) {
  if (Exchange* const exchange = HttplibBridge::find_exchange(request)) exchange->is_body_refused = true;
}

const ExchangeReference& reference_in(const httplib::Request& request) {
  const auto* reference = request.response_handler.target<ExchangeReference>();
  if (reference == nullptr) throw std::logic_error("millrace: no millrace::Server is handling this request");
  return *reference;
}

// Sets what this version's SSLServer sets in a request, and the subject, which stays valid longer.
template <typename Request>
void add_certificate(Request& request, const TlsChannel& tls, bool is_on_worker) {
  if constexpr (requires { request.ssl = tls.native(); }) {
    if (is_on_worker) request.ssl = tls.native();
  }
  if (!tls.client_subject().empty()) request.headers.emplace(kClientSubjectField, tls.client_subject());
}

}  // namespace

HttplibBridge::HttplibBridge(httplib::Server& server, ExchangeTerms terms)
    : server_(server),
      insides_(look_into(server)),
      terms_(std::move(terms)),
      routes_(server),
      error_handler_(insides_.error),
      unwatch_refusals_(watch_refusals(server, note_refused_body)),
      stop_keeping_order_(keep_fields_in_order(server)),
      max_body_bytes_(std::exchange(insides_.max_body_bytes, std::numeric_limits<std::size_t>::max())) {
  server.set_error_handler(httplib::Server::HandlerWithResponse(
      ErrorAnswers{.routes = &routes_, .of_program = error_handler_, .keep_alive = keep_alive_terms(insides_)}));
}

HttplibBridge::~HttplibBridge() {
  stop_keeping_order_();
  unwatch_refusals_();
  server_.set_error_handler(std::move(error_handler_));
  insides_.max_body_bytes = max_body_bytes_;
}

void HttplibBridge::serve(Exchange& exchange) const {
  exchange.max_body_bytes = max_body_bytes_;
  ExchangeStream stream(exchange, terms_, routes_);
  bool served = false;
  // The end of a chunked body is unknown, so the response tells the client that no other request can follow.
  const bool last_request = exchange.is_last() || exchange.head.chunked;
  try {
    served = process_request(server_, stream, last_request,
                             [&](httplib::Request& request) { attach(request, exchange, &stream, true); });
  } catch (const ExpectationFailed&) {
    exchange.output.append(error_response({417, "the server does not meet the request's Expect header"}));
  } catch (...) {
    if (!exchange.output.has_head() && !stream.is_websocket())
      exchange.output.append(error_response({500, kHandlerHasFailed}));
    exchange.failure = std::current_exception();
  }
  if (exchange.taken) return;
  answer_late(exchange);
  exchange.status = stream.is_websocket() ? 101 : exchange.output.status();
  // The loop sends what the client does not take at once, if the memory budget has room for it; otherwise the worker
  // waits.
  stream.flush(std::numeric_limits<std::size_t>::max());
  if (!exchange.share.resize(exchange.output.bytes().size())) stream.flush(0);
  // Skips an unread body if it is in memory.
  const std::uint64_t request_bytes = exchange.head.bytes + exchange.head.content_length;
  exchange.consumed = static_cast<std::size_t>(std::min<std::uint64_t>(request_bytes, exchange.input.size()));
  exchange.keep_alive = (served || exchange.output.forbids_body()) && !last_request && !stream.failed() &&
                        !exchange.output.ends_with_connection() && !exchange.output.says_close() &&
                        !stream.is_websocket() && stream.is_body_here();
}

void HttplibBridge::attach(httplib::Request& request, Exchange& exchange, ExchangeStream* stream, bool is_for_worker) {
  request.response_handler = ExchangeReference{&exchange, stream};
  put_in_order(request.headers);
  if (exchange.tls != nullptr) add_certificate(request, *exchange.tls, is_for_worker && !exchange.head.is_http2);
  if (stream != nullptr) stream->begin_body(request);
  if (exchange.head.last_event_id.empty()) return;
  // cpp-httplib percent-decodes header values; handlers must get the ID as sent.
  const std::string name(protocol::kLastEventIdHeader);
  request.headers.erase(name);
  request.headers.emplace(name, exchange.head.last_event_id);
}

Exchange* HttplibBridge::find_exchange(const httplib::Request& request) {
  const auto* reference = request.response_handler.target<ExchangeReference>();
  return reference != nullptr ? reference->exchange : nullptr;
}

Exchange& HttplibBridge::exchange_of(const httplib::Request& request) {
  return *reference_in(request).exchange;
}

void HttplibBridge::allow_body(const httplib::Request& request, std::uint64_t max_bytes) {
  exchange_of(request).max_body_bytes = max_bytes;
}

std::optional<std::string_view> HttplibBridge::body_in_memory(const httplib::Request& request) {
  const auto& [exchange, stream] = reference_in(request);
  const bool needs_reading = stream == nullptr || !stream->is_body_plain() || exchange->head.is_multipart ||
                             exchange->body_failure != BodyFailure::kNone || exchange->is_upload();
  if (needs_reading) return std::nullopt;
  return std::string_view(exchange->input)
      .substr(exchange->head.bytes, static_cast<std::size_t>(exchange->head.content_length));
}

bool HttplibBridge::hold_body(const httplib::Request& request, std::size_t bytes) {
  const auto& [exchange, stream] = reference_in(request);
  if (stream == nullptr || stream->hold(bytes)) return true;
  exchange->body_failure = BodyFailure::kMemory;
  return false;
}

std::optional<std::string> HttplibBridge::take_response(const httplib::Request& request,
                                                        const httplib::Response& response) {
  const auto& [exchange, stream] = reference_in(request);
  if (exchange->taken) throw std::logic_error("millrace: the response is already an event stream");
  if (exchange->head.to_head) return std::nullopt;
  if (stream != nullptr && stream->has_body_ahead()) {
    throw std::logic_error("millrace: read the request's body before the response becomes an event stream");
  }
  std::string head = "HTTP/1.1 200 OK\r\n";
  httplib::Headers headers = response.headers;
  put_in_order(headers);
  for (const auto& [name, value] : headers) head.append(name).append(": ").append(value).append("\r\n");
  // No `Connection: close` to HTTP/1.1: Node.js's fetch takes a response that says so, and is cut off, for whole.
  if (!exchange->head.is_http2) {
    head.append(exchange->head.http_1_0 ? "Connection: close\r\n" : "Transfer-Encoding: chunked\r\n");
  }
  head.append("\r\n");
  exchange->taken = true;
  return head;
}

}  // namespace millrace
