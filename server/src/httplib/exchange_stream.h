// ExchangeStream: an exchange as the stream that cpp-httplib reads and writes. It reads the request from the exchange's
// memory, then from its wire, to the end of its framing, and the body through RequestBody. It collects the response, so
// that head and body leave in one packet. A worker owns it.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "connection/exchange.h"
#include "http/head_pieces.h"
#include "http/request_body.h"
#include "httplib_versions.h"
#include "millrace/core/time.h"
#include "mutex.h"
#include "route_table.h"
#include "shares/download_gate.h"

namespace millrace {

/// Deadlines and bounds.
struct ExchangeTerms {
  Duration read_timeout;   ///< for one wait for input
  Duration body_deadline;  ///< for all such waits, plus a second for every kMinUploadBytesPerSecond; likewise for all
                           ///< waits for room, with kMinDownloadBytesPerSecond
  Duration write_timeout;  ///< for one wait for room
  DownloadGate& downloads;
  std::function<bool()> is_stopping = nullptr;  ///< whether the server stops: then content providers must end
};

/// Thrown to stop cpp-httplib when the client must not send its body.
struct ExpectationFailed {};

class ExchangeStream final : public HttplibStream {
 public:
  ExchangeStream(Exchange& exchange, const ExchangeTerms& terms, const RouteTable& routes)
      : exchange_(exchange), terms_(terms), routes_(routes), body_(exchange.head) {}

  /// cpp-httplib has read the head of `request`, which must outlive the stream's use.
  void begin_body(httplib::Request& request);

  bool wait_readable() const override;
  bool wait_writable() const override;
  bool is_peer_alive() const override;
  bool has_input() const override { return consumed_ < exchange_.input.size(); }
  socket_t socket() const override;
  ssize_t read(char* data, std::size_t size) override;
  /// Throws ExpectationFailed if the program's handler has answered an expectation with 417.
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  void set_read_timeout(time_t seconds, time_t microseconds) override;
  const char* buffered_data(std::size_t& size) const override;
  void consume_buffered(std::size_t size) override { consumed_ += size; }

  /// Sends the collected output. Waits until at most `may_stay` bytes of it are left.
  void flush(std::size_t may_stay);

  bool failed() const { return failed_; }
  /// Whether the connection has become a websocket, whose bytes pass unchanged until its handler returns.
  bool is_websocket() const { return is_websocket_; }
  bool has_body_ahead() const { return exchange_.head.chunked ? !body_.has_come() : !is_body_here(); }
  /// Whether the request's body has been read, or is completely in memory and can be skipped.
  bool is_body_here() const;
  /// Whether the body is neither chunked nor encoded.
  bool is_body_plain() const { return !body_.is_rechunked(); }
  /// Counts bytes of the body that cpp-httplib or a handler holds. False if there is no room.
  bool hold(std::uint64_t body_bytes);

 private:
  ssize_t read_head(char* data, std::size_t size);
  ssize_t read_body(char* data, std::size_t size);
  ssize_t read_wire(char* data, std::size_t size);
  ssize_t read_websocket(char* data, std::size_t size);
  bool takes_continue(std::string_view head);
  bool write_response(std::string_view bytes);
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
  bool is_held_ = false;         // cpp-httplib holds the body until the handler returns
  Duration waited_{0};           // total, for the body
  std::uint64_t consumed_ = 0;   // bytes of the request, head included, as sent
  HeadPieces pieces_;            // since 0.17.3 cpp-httplib writes interim heads in two
  bool owes_continue_ = false;   // the client waits for 100 Continue
  Duration waited_for_room_{0};  // total, for the response
  std::uint64_t sent_ = 0;       // bytes of the response
  bool failed_ = false;
  bool is_websocket_ = false;
  Mutex websocket_mutex_;  // guards the wire: one thread reads, another sends pings
  Duration websocket_timeout_ = terms_.read_timeout;
};

}  // namespace millrace
