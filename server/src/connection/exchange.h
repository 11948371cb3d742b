// Exchange: one request on its way from a connection through a worker and back.
//
// A worker owns it. The connection waits in the meantime, and only its loop may touch it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

#include "exchange_wire.h"
#include "http/request_body.h"
#include "http/request_head.h"
#include "http/response_output.h"
#include "shares/buffer_budget.h"
#include "shares/refusal_reason.h"

namespace millrace {

class Connection;
class ConnectionLoop;
class TlsChannel;

struct Exchange {
  ConnectionLoop& loop;
  Connection& connection;
  int socket;                       ///< for its addresses
  const TlsChannel* tls = nullptr;  ///< for what it says of the client; null: clear
  RequestHead head;
  std::string input;            ///< the request, and whatever has come behind it
  BufferBudget::Share share{};  ///< of what may be held in memory: for `input`, and in the end for `output`
  /// The body's length is not known, or it is not all in `input`: a worker has to wait for it.
  bool is_upload() const { return head.chunked || input.size() - head.bytes < head.content_length; }
  std::shared_ptr<ExchangeWire> wire = nullptr;  ///< a worker's; null on a loop
  bool on_loop = false;       ///< the loop serves it itself: everything happens at once, and `input` is empty
  bool last_request = false;  ///< the connection has had its share: close it behind the response
  bool is_last() const { return last_request || head.closes; }
  std::uint64_t max_body_bytes = 0;  ///< sent and decoded

  // What comes of it.
  std::size_t consumed = 0;                         ///< bytes of `input` that belong to this request
  ResponseOutput output{head};                      ///< what the socket has not taken yet
  int status = 0;                                   ///< of cpp-httplib's response; 0 if it made none
  RefusalReason refusal = RefusalReason::kHandler;  ///< why, if that is an error
  bool is_error_seen = false;                       ///< ErrorAnswers has had the response
  bool is_body_refused = false;                     ///< by cpp-httplib, as the form that it should be
  bool keep_alive = false;                          ///< another request may follow
  BodyFailure body_failure = BodyFailure::kNone;    ///< why the body was given up
  std::exception_ptr failure = nullptr;             ///< thrown where cpp-httplib catches nothing, as by a logger
  bool taken = false;  ///< the response is an event stream now: the connection is the loop's again
};

}  // namespace millrace
