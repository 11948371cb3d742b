// The one place that knows cpp-httplib's insides: requests are handed to it from memory, and a handler's response can
// be taken out of its hands to become an event stream.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "download_gate.h"
#include "exchange.h"
#include "millrace/core/time.h"

namespace millrace {

class ExchangeStream;

class HttplibBridge {
 public:
  /// httplib::Server::process_request, which is protected.
  using ProcessRequest = std::function<bool(httplib::Stream& stream, bool close_connection, bool& connection_closed,
                                            const std::function<void(httplib::Request&)>& setup_request)>;

  /// Waiting for a body may take `body_deadline` and then a second more for every kMinUploadBytesPerSecond; waiting for
  /// the client to take a response likewise, for every kMinDownloadBytesPerSecond, as far as `downloads` lets it, which
  /// has to outlive the bridge. A chunked body may have `max_chunked_bytes`.
  HttplibBridge(ProcessRequest process_request, Duration read_timeout, Duration body_deadline, Duration write_timeout,
                std::uint64_t max_chunked_bytes, DownloadGate& downloads);

  /// Runs the exchange through cpp-httplib, handlers and all. On a worker. Fills in what comes of it.
  void serve(Exchange& exchange) const;

  /// Makes `exchange` the one `request` is handled for, and gives the request its last event ID. `stream`: where the
  /// body comes from; null if it has been read.
  static void attach(httplib::Request& request, Exchange& exchange, const ExchangeStream* stream);

  /// The exchange a handler was called for. Throws std::logic_error if `request` is not one that is being handled.
  static Exchange& exchange_of(const httplib::Request& request);

  /// Takes the response from cpp-httplib, whatever the handler returns: the exchange counts as answered. Gives the
  /// response's head: status 200, the headers set so far, and those of a stream without an end.
  /// Throws std::logic_error if it was taken already or if the request's body has not been read to its end.
  static std::string take_response(const httplib::Request& request, const httplib::Response& response);

 private:
  ProcessRequest process_request_;
  Duration read_timeout_;
  Duration body_deadline_;
  Duration write_timeout_;
  std::uint64_t max_chunked_bytes_;
  DownloadGate& downloads_;
};

}  // namespace millrace
