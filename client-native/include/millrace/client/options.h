// EventSourceOptions: what can be said about an EventSource beyond its URL. Every default is the standard's behaviour.
//
//   millrace::EventSource source(url, {.headers = {{"Authorization", token}}, .policy = {.idle_timeout = 45s}});
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/event_source_state.h"
#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

/// Request headers, name and value. Names are tokens, values hold no CR, LF or NUL. `Last-Event-ID`, `Content-Length`,
/// `Transfer-Encoding` and `Connection` are Millrace's to set.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// How an https server proves who it is.
struct TlsOptions {
  /// PEM file of the certificates to trust; empty: the system's.
  std::string ca_file = {};
  /// False accepts any certificate, which makes the connection private but not authentic: for tests only.
  bool verify = true;
};

struct EventSourceOptions {
  /// Sent with every attempt.
  HttpHeaders headers = {};

  /// Asked before each attempt for more headers, such as a fresh token; they replace those of the same name above. Runs
  /// on the thread that runs the source. If it throws a std::exception, or what it gives cannot be sent, the attempt
  /// fails like a lost connection: `on_error` is told why and it is asked again at the next one.
  std::function<HttpHeaders()> headers_for_attempt = nullptr;

  /// Where to begin: what the first request sends as Last-Event-ID. Empty sends none. Holds no CR, LF or NUL.
  std::string last_event_id = {};

  /// The request's method, and its body, sent anew with each attempt; without a Content-Type among the headers it goes
  /// as text/plain. GET carries no body; HEAD and CONNECT make no stream.
  std::string method = "GET";
  std::string body = {};

  /// Reconnection, idle timeout and the largest event.
  EventSourceState::Policy policy = {};

  /// How long making a connection (TCP and TLS) may take; longer than zero.
  Duration connect_timeout = kConnectTimeout;

  TlsOptions tls = {};
};

}  // namespace millrace
