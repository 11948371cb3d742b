// HttplibBridge: passes requests from memory to cpp-httplib, and turns a handler's response into an event stream. Only
// this folder knows cpp-httplib's internals.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "connection/exchange.h"
#include "exchange_stream.h"
#include "httplib_versions.h"
#include "route_table.h"

namespace millrace {

class HttplibBridge {
 public:
  /// While it exists, it replaces the server's error handler, error logger and bound on bodies, and applies them
  /// itself. The objects that `terms` refers to must outlive it.
  HttplibBridge(httplib::Server& server, ExchangeTerms terms);
  ~HttplibBridge();
  HttplibBridge(const HttplibBridge&) = delete;
  HttplibBridge& operator=(const HttplibBridge&) = delete;

  /// Runs the exchange through cpp-httplib with its handlers, on a worker, and fills in the result.
  void serve(Exchange& exchange) const;

  /// Attaches `exchange` to `request`, and gives the request its last event ID. `stream` supplies the body; null if the
  /// body has been read. Code that a worker runs may also use the connection's TLS.
  static void attach(httplib::Request& request, Exchange& exchange, ExchangeStream* stream, bool is_for_worker);

  /// The exchange of a request whose handler runs. Throws std::logic_error for any other request.
  static Exchange& exchange_of(const httplib::Request& request);
  /// Likewise, but returns null for any other request.
  static Exchange* find_exchange(const httplib::Request& request);

  /// Allows the request's body, which must be unread, up to `max_bytes`.
  static void allow_body(const httplib::Request& request, std::uint64_t max_bytes);

  /// The request's body without a copy, if it is complete and neither chunked, encoded nor multipart. Valid until the
  /// exchange is over.
  static std::optional<std::string_view> body_in_memory(const httplib::Request& request);

  /// Counts `bytes` of the body, which a handler that reads it in pieces holds, as buffered until the exchange is over.
  /// False if there is no room.
  static bool hold_body(const httplib::Request& request, std::size_t bytes);

  /// Takes the response from cpp-httplib, so that the exchange counts as answered. Returns the response's head: status
  /// 200, the headers set so far, and those of an endless stream. For HEAD, whose response has no body, it takes and
  /// returns nothing. Throws std::logic_error if the response was taken already, or if the request's body has not been
  /// read completely.
  static std::optional<std::string> take_response(const httplib::Request& request, const httplib::Response& response);

 private:
  httplib::Server& server_;
  const HttplibInsides insides_;
  const ExchangeTerms terms_;
  const RouteTable routes_;
  httplib::Server::HandlerWithResponse error_handler_;  // the program's
  std::function<void()> unwatch_refusals_;
  std::function<void()> stop_keeping_order_;
  const std::size_t max_body_bytes_;
};

}  // namespace millrace
