// RequestSide: a connection's requests, from the first byte until a worker gets them, and the responses.
//
// It is a part of its Connection. To save memory it does not store a reference to the Connection but gets it with each
// call. The loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "exchange.h"
#include "http/request_intake.h"
#include "millrace/core/time.h"
#include "shares/buffer_budget.h"

namespace millrace {

/// Requests of one connection that an event loop answers before other connections get their turn.
inline constexpr int kDirectRequestsPerTurn = 64;

class Connection;

class RequestSide {
 public:
  // Bytes of one read, and reads from one socket per turn, after which other sockets get theirs.
  static constexpr std::size_t kReadBytes = 16 * 1024;
  static constexpr int kReadsPerTurn = 16;

  /// Takes input that does not come from a socket.
  void take_in(Connection& connection, std::string_view bytes);
  /// The socket is readable.
  void read(Connection& connection);
  /// The request that waits may be answered now.
  void take_turn(Connection& connection);
  /// The socket is writable.
  void write(Connection& connection);
  /// The deadline for a request or for room has passed.
  void on_timer(Connection& connection);
  /// Ends the exchange's access record, if there is one.
  static void end_access(Connection& connection, Exchange& exchange);
  /// A worker has finished the exchange.
  void finish(Connection& connection, Exchange& exchange);
  /// Writes `response` as the last one.
  void respond_last(Connection& connection, std::string response);
  /// Writes `rest`, the last bytes of an event stream. Afterwards the client may send another request.
  void end_stream(Connection& connection, std::string rest);
  /// The client has sent something during the event stream: it was discarded, so no request can follow.
  void follow_no_more() { keep_alive_ = false; }
  /// Keeps `response` for respond_prepared(), which writes it as the last one.
  void prepare(std::string response) { set_output(std::move(response)); }
  void respond_prepared(Connection& connection);
  /// Refuses input that is not a valid request.
  void reject(Connection& connection, const RequestError& error);

 private:
  // The rest of a response.
  struct Unwritten {
    std::string bytes;
    std::size_t begin = 0;
    BufferBudget::Share share = {};
    std::optional<TimePoint> waiting_since = {};  // since when the client has not taken it
  };

  bool keep(Connection& connection, std::string_view bytes);
  bool begins_http2(const Connection& connection) const;
  void process_input(Connection& connection);
  bool has_turn(Connection& connection);
  bool serve_request(Connection& connection);
  void identify(Connection& connection, Exchange& exchange) const;
  void note_rejection(Connection& connection, int status) const;
  void dispatch(Connection& connection, Exchange exchange);
  /// Like reject(), for a request that is no longer held.
  void reject(Connection& connection, const RequestError& error, bool is_to_head, const std::string& origin);
  void await_request(Connection& connection);
  void await_room(Connection& connection);

  void set_output(std::string bytes, BufferBudget::Share share = {});
  void append_output(std::string bytes);
  bool send_answers(Connection& connection);
  bool send_output(Connection& connection);
  void after_response(Connection& connection);

  std::unique_ptr<RequestIntake> intake_;  // null without input
  std::unique_ptr<Unwritten> output_;      // null without output
  std::uint32_t served_ = 0;               // requests so far
  bool keep_alive_ = false;                // after the current response
};

}  // namespace millrace
