// The interface between an event source and its transport: one request out, one response's bytes in.
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

/// The head of the final response, after all redirects.
struct ResponseHead {
  int status = 0;
  std::string content_type = {};      ///< with several such headers: their values, separated by commas
  std::string content_encoding = {};  ///< likewise
  std::string retry_after = {};       ///< the header's value
  std::string date = {};              ///< the header's value
  std::string last_event_id = {};     ///< the header's value
  std::string heartbeat = {};         ///< the value of Millrace-Heartbeat
  std::string explanation = {};       ///< for a status other than 200: the body's first line, if meant for people
};

/// Receives the response, on the thread that moves the transfer.
class ResponseReceiver {
 public:
  /// A connection is being made. That can follow connected(): if the connection that was found is dead, the request is
  /// sent again on a new one. Called several times for a host with several addresses, and for a redirected request.
  virtual void connecting() = 0;
  /// The connection is made (`is_new`), or one with room was found, and the request is sent. Called several times for a
  /// redirected request.
  virtual void connected(bool is_new) = 0;
  /// The head of a response has come, also one that redirects.
  virtual void head_arrived() = 0;

  /// The response waits for something until `when` at the latest: the owner of the transfer must handle it then.
  virtual void look_after_at(TimePoint when) = 0;
  /// Returns false if the body is not wanted.
  virtual bool receive_response(const ResponseHead& head) = 0;
  enum class Receipt { kTaken, kLater, kNoMore };
  /// kLater: the chunk has not been read; pass it again after resume().
  virtual Receipt receive_bytes(std::string_view chunk) = 0;

 protected:
  ~ResponseReceiver() = default;
};

/// How an exchange ended by itself.
struct TransportResult {
  bool whole = false;  ///< the server ended the response; otherwise the network failed
  std::string problem = {};
};

}  // namespace millrace
