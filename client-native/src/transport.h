// What an event source and its transport say to each other: one request out, one response's bytes in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "millrace/client/options.h"

namespace millrace {

struct TransportRequest {
  std::string method;
  HttpHeaders headers;
  std::string body;
};

/// The head of the final response; its redirects have been followed.
struct ResponseHead {
  int status = 0;
  std::string content_type = {};      ///< of several such headers, their values, with commas between them
  std::string content_encoding = {};  ///< likewise
  std::string retry_after = {};       ///< the header's value
  std::string date = {};              ///< the header's value
  std::string last_event_id = {};     ///< the header's value
  std::string heartbeat = {};         ///< the value of Millrace-Heartbeat
  std::string explanation = {};  ///< of a status other than 200: what the body's first line says, if it is for people
};

/// Takes what arrives, on the thread that moves the transfer.
class ResponseReceiver {
 public:
  /// There is a connection; the request goes out. May be called more than once for a request that is redirected.
  virtual void connected() = 0;

  /// The response waits for something, no longer than until then: who moves the transfer must look after it at that
  /// time.
  virtual void look_after_at(TimePoint when) = 0;
  /// False: its body is not wanted.
  virtual bool receive_response(const ResponseHead& head) = 0;
  enum class Receipt { kTaken, kLater, kNoMore };
  /// kLater: the chunk has not been looked at and is to be handed in again once the exchange is told to resume.
  virtual Receipt receive_bytes(std::string_view chunk) = 0;

 protected:
  ~ResponseReceiver() = default;
};

/// How an exchange has ended by itself.
struct TransportResult {
  bool whole = false;  ///< the server ended the response; else the network failed
  std::string problem = {};
};

}  // namespace millrace
