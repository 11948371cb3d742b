// Exchange: one request on its way from a connection through a worker and back.
//
// A worker owns it. Meanwhile the connection waits, and only the connection's loop may use the connection.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "access_entry.h"
#include "exchange_wire.h"
#include "http/request_body.h"
#include "http/request_head.h"
#include "http/response_output.h"
#include "shares/buffer_budget.h"
#include "shares/refusal_reason.h"
#include "shares/who.h"

namespace millrace {

class Connection;
class ConnectionLoop;
class TlsChannel;

struct Exchange {
  ConnectionLoop& loop;
  Connection& connection;
  int socket;                       ///< used for its addresses
  const TlsChannel* tls = nullptr;  ///< used for the client's certificate; null: clear HTTP
  RequestHead head;
  std::string input;            ///< the request, and any input after it
  BufferBudget::Share share{};  ///< memory budget for `input`, and finally for `output`
  /// Whether the body's length is unknown, or the body is not all in `input`: a worker must wait for it.
  bool is_upload() const { return head.chunked || input.size() - head.bytes < head.content_length; }
  std::shared_ptr<const sockaddr_storage> client = nullptr;  ///< behind a trusted proxy; null: the socket's other end
  bool is_client_counted = false;                            ///< the connection has a share of the client's quota
  AccessEntryPtr access = nullptr;                           ///< null without ServerOptions::on_access
  std::shared_ptr<ExchangeWire> wire = nullptr;              ///< used by a worker; null on a loop
  bool on_loop = false;       ///< the loop serves the request itself: everything happens at once, and `input` is empty
  bool last_request = false;  ///< the connection has reached its maximum of requests: close it after the response
  bool is_last() const { return last_request || head.closes; }
  std::uint64_t max_body_bytes = 0;  ///< as sent and as decoded

  // The result.
  std::size_t consumed = 0;                         ///< bytes of `input` that this request takes
  ResponseOutput output{head};                      ///< what the socket has not taken yet
  std::uint64_t sent = 0;                           ///< bytes of the response that a worker has written
  int status = 0;                                   ///< cpp-httplib's status; 0 without a response
  RefusalReason refusal = RefusalReason::kHandler;  ///< the reason, if the status is an error
  bool is_error_seen = false;                       ///< ErrorAnswers has handled the response
  bool is_body_refused = false;                     ///< cpp-httplib refused the body as a form
  bool keep_alive = false;                          ///< another request may follow
  BodyFailure body_failure = BodyFailure::kNone;    ///< why reading the body failed
  std::exception_ptr failure = nullptr;  ///< thrown where cpp-httplib catches nothing, for example in a logger
  bool taken = false;                    ///< the response is an event stream: the connection belongs to the loop again
  bool is_broken_off = false;            ///< the response is not whole, or how much of it was sent is unknown
  std::shared_ptr<Exchange> next_returned = nullptr;  ///< of ReturnedExchanges
};

/// The client: behind a trusted proxy, the one that the proxy has named.
sockaddr_storage client_of(const Exchange& exchange);

/// The holder of what the request uses up: the user, otherwise the client's network.
Who holder_of(const Exchange& exchange, std::string_view user);

/// The client's address, without its port.
std::string client_address(const Exchange& exchange);

struct Endpoint {
  std::string address;
  int port = 0;
};

/// The client's address, with its port, or with 0 behind a proxy, which does not say it.
Endpoint client_endpoint(const Exchange& exchange);
/// The server's end of the connection.
Endpoint local_endpoint(const Exchange& exchange);

}  // namespace millrace
