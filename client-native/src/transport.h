// What an EventSource and its transport say to each other: one request out, one response's bytes in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/client/options.h"
#include "millrace/core/event_source_state.h"
#include "millrace/core/time.h"

namespace millrace {

struct TransportRequest {
  std::string method;
  HttpHeaders headers;
  std::string body;
};

/// Takes what arrives, on the thread that called the transport.
class ResponseReceiver {
 public:
  /// The final response's head; its redirects have been followed. False: its body is not wanted.
  virtual bool receive_response(const EventSourceState::Response& response) = 0;
  /// False: no more is wanted.
  virtual bool receive_bytes(std::string_view chunk) = 0;
  /// When waiting for the server ends as a timeout; asked before each wait.
  virtual std::optional<TimePoint> deadline() const = 0;

 protected:
  ~ResponseReceiver() = default;
};

/// How an exchange ended.
struct TransportResult {
  enum class Ending {
    kEndOfStream,   ///< the server ended the response
    kNetworkError,  ///< no connection, or it broke: `message` says how
    kTimeout,       ///< the receiver's deadline came
    kStopped,       ///< the receiver wanted no more, or the interrupt was raised
  };
  Ending ending = Ending::kEndOfStream;
  std::string message = {};
};

}  // namespace millrace
