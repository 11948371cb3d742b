// RequestSide: a connection's requests, from their first byte until a worker has them, and the responses.
//
// It is a part of its Connection, which it is given with each call and does not keep: there are very many of them. The
// loop's thread.
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
  // Reading from one socket ends after so many pieces in one turn: the others want theirs.
  static constexpr std::size_t kReadBytes = 16 * 1024;
  static constexpr int kReadsPerTurn = 16;

  /// What has come, where it does not come from a socket.
  void take_in(Connection& connection, std::string_view bytes);
  /// There is something to read.
  void read(Connection& connection);
  /// There is room to write.
  void write(Connection& connection);
  /// What was waited for, a request or room, has not come in time.
  void on_timer(Connection& connection);
  /// A worker is done with the exchange.
  void finish(Connection& connection, Exchange& exchange);
  /// Writes `response`, behind which nothing follows.
  void respond_last(Connection& connection, std::string response);
  /// Keeps `response` for respond_prepared(), which writes it likewise.
  void prepare(std::string response) { set_output(std::move(response)); }
  void respond_prepared(Connection& connection);
  /// Refuses what has not become a request.
  void reject(Connection& connection, const RequestError& error);

 private:
  // What is left of a response.
  struct Unwritten {
    std::string bytes;
    std::size_t begin = 0;
    BufferBudget::Share share = {};
    std::optional<TimePoint> waiting_since = {};  // for the client to take it
  };

  bool keep(Connection& connection, std::string_view bytes);
  bool begins_http2(const Connection& connection) const;
  void process_input(Connection& connection);
  bool serve_request(Connection& connection);
  void dispatch(Connection& connection, Exchange exchange);
  /// As reject(), of a request that is not held any more.
  void reject(Connection& connection, const RequestError& error, bool is_to_head, const std::string& origin);
  void await_request(Connection& connection);
  void await_room(Connection& connection);

  void set_output(std::string bytes, BufferBudget::Share share = {});
  void append_output(std::string bytes);
  bool send_answers(Connection& connection);
  bool send_output(Connection& connection);
  void after_response(Connection& connection);

  std::unique_ptr<RequestIntake> intake_;  // null while nothing has come
  std::unique_ptr<Unwritten> output_;      // null if there is none
  std::uint32_t served_ = 0;               // requests
  bool keep_alive_ = false;                // after the response that is being written
};

}  // namespace millrace
