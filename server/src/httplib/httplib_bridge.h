// Passes requests from memory to cpp-httplib, and takes over a handler's response to make it an event stream. Only
// this folder knows cpp-httplib's insides.
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
  /// While it lives, it stands in for the server's error handler and error logger, and for its bound on bodies, all of
  /// which it applies itself. What is in `terms` has to outlive it.
  HttplibBridge(httplib::Server& server, const ExchangeTerms& terms);
  ~HttplibBridge();
  HttplibBridge(const HttplibBridge&) = delete;
  HttplibBridge& operator=(const HttplibBridge&) = delete;

  /// Runs the exchange through cpp-httplib, handlers and all. On a worker. Fills in what comes of it.
  void serve(Exchange& exchange) const;

  /// Makes `exchange` the one `request` is handled for, and gives the request its last event ID. `stream`: where the
  /// body comes from; null if it has been read.
  static void attach(httplib::Request& request, Exchange& exchange, ExchangeStream* stream);

  /// The exchange a handler was called for. Throws std::logic_error if `request` is not one that is being handled.
  static Exchange& exchange_of(const httplib::Request& request);
  /// Likewise; null if it is not.
  static Exchange* find_exchange(const httplib::Request& request);

  /// Lets the request's body, which must not have been read, have `max_bytes`.
  static void allow_body(const httplib::Request& request, std::uint64_t max_bytes);

  /// The request's body, where all of it has come and it is neither chunked, encoded nor multipart: it need not be
  /// copied. Valid until the exchange is over.
  static std::optional<std::string_view> body_in_memory(const httplib::Request& request);

  /// Counts `bytes` of its body, as a handler that reads it in pieces holds them, among what is under way, until the
  /// exchange is over. False if there is no room for them.
  static bool hold_body(const httplib::Request& request, std::size_t bytes);

  /// Takes the response from cpp-httplib, whatever the handler returns: the exchange counts as answered. Gives the
  /// response's head: status 200, the headers set so far, and those of a stream without an end. Nothing, and nothing is
  /// taken, to HEAD, whose response has no body.
  /// Throws std::logic_error if it was taken already or if the request's body has not been read to its end.
  static std::optional<std::string> take_response(const httplib::Request& request, const httplib::Response& response);

 private:
  httplib::Server& server_;
  const HttplibInsides insides_;
  const ExchangeTerms terms_;
  const RouteTable routes_;
  httplib::Server::HandlerWithResponse error_handler_;  // the server's own
  std::function<void()> unwatch_refusals_;
  const std::size_t max_body_bytes_;
};

}  // namespace millrace
