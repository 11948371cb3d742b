// ExchangeStream: an exchange as the stream that cpp-httplib reads and writes. It reads the request from the exchange's
// memory, then from its wire, up to the end of its framing, with its body through RequestBody. It collects the
// response, so that head and body leave in one packet. A worker owns it.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "connection/exchange.h"
#include "http/request_body.h"
#include "httplib_versions.h"
#include "millrace/core/time.h"
#include "mutex.h"
#include "route_table.h"
#include "shares/download_gate.h"

namespace millrace {

/// How long, and how much.
struct ExchangeTerms {
  Duration read_timeout;   ///< of a wait for the client to send
  Duration body_deadline;  ///< of all such waits, and then a second more for every kMinUploadBytesPerSecond; likewise
                           ///< of those for the client to take the response, and kMinDownloadBytesPerSecond
  Duration write_timeout;  ///< of a wait for the client to take something
  DownloadGate& downloads;
  std::function<bool()> is_stopping = nullptr;  ///< the server: who makes a body as it goes is to end it
};

/// The client is not to send its body, and cpp-httplib is to do no more for it.
struct ExpectationFailed {};

class ExchangeStream final : public HttplibStream {
 public:
  ExchangeStream(Exchange& exchange, const ExchangeTerms& terms, const RouteTable& routes)
      : exchange_(exchange), terms_(terms), routes_(routes), body_(exchange.head) {}

  /// cpp-httplib has read `request`'s head; it has to outlive the stream's use.
  void begin_body(httplib::Request& request);

  bool wait_readable() const override;
  bool wait_writable() const override;
  bool is_peer_alive() const override;
  bool has_input() const override { return consumed_ < exchange_.input.size(); }
  socket_t socket() const override;
  ssize_t read(char* data, std::size_t size) override;
  /// Throws ExpectationFailed where the program's handler has answered an expectation with 417.
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  void set_read_timeout(time_t seconds, time_t microseconds) override;
  const char* buffered_data(std::size_t& size) const override;
  void consume_buffered(std::size_t size) override { consumed_ += size; }

  /// Sends what has been collected. Waits until no more than `may_stay` bytes of it are left.
  void flush(std::size_t may_stay);

  bool failed() const { return failed_; }
  /// The connection has become a websocket's, whose bytes pass as they are, until its handler returns.
  bool is_websocket() const { return is_websocket_; }
  bool has_body_ahead() const { return exchange_.head.chunked ? !body_.has_come() : !is_body_here(); }
  /// The request's body has been read, or is here and can be passed over.
  bool is_body_here() const;
  /// The body comes as it is on the wire: it is neither chunked nor encoded.
  bool is_body_plain() const { return !body_.is_rechunked(); }
  /// Bytes of the body have been held by cpp-httplib for a handler, or by a handler.
  bool hold(std::uint64_t body_bytes);

 private:
  ssize_t read_head(char* data, std::size_t size);
  ssize_t read_body(char* data, std::size_t size);
  ssize_t read_wire(char* data, std::size_t size);
  ssize_t read_websocket(char* data, std::size_t size);
  ssize_t write_websocket(std::string_view bytes);
  bool wait_for_websocket() const;
  ssize_t fail(BodyFailure failure);
  bool prepare_body();
  bool wait_for_input();
  bool wait_for_room();
  void send_continue();
  ExchangeWire& wire() const { return *exchange_.wire; }

  Exchange& exchange_;
  const ExchangeTerms& terms_;
  const RouteTable& routes_;
  const httplib::Request* request_ = nullptr;
  RequestBody body_;
  bool is_body_prepared_ = false;
  bool is_held_ = false;         // the body, by cpp-httplib, until the handler has gone
  Duration waited_{0};           // for the body
  std::uint64_t consumed_ = 0;   // of the request, head included, as it came off the wire
  bool owes_continue_ = false;   // a client waits to be asked for its body
  Duration waited_for_room_{0};  // for the response
  std::uint64_t sent_ = 0;       // of the response
  bool failed_ = false;
  bool is_websocket_ = false;
  Mutex websocket_mutex_;  // of the wire: one thread reads, another sends pings
  Duration websocket_timeout_ = terms_.read_timeout;
};

}  // namespace millrace
