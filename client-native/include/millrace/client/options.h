// EventSourceOptions: what can be said about an EventSource beyond its URL. Every default is the standard's behaviour.
//
//   millrace::EventSource source(url, {.headers = {{"X-Trace", id}}, .policy = {.idle_timeout = 45s}});
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/event_source_state.h"
#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

/// Request headers, name and value. Names are tokens, values hold no CR, LF or NUL. `Last-Event-ID`, `Content-Length`,
/// `Transfer-Encoding` and `Connection` are Millrace's to set.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// How an https server, or an https proxy, proves who it is.
struct TlsOptions {
  /// PEM file of the certificates to trust; empty: the system's.
  std::string ca_file = {};
  /// False accepts any certificate, which makes the connection private but not authentic: for tests only.
  bool verify = true;
};

/// Who asks, by `Authorization: Basic`. The name holds no colon.
struct BasicCredentials {
  std::string user;
  std::string password;
};

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning };

struct EventSourceOptions {
  /// Sent with every attempt. Those named Authorization, Cookie and Host do not follow a redirect to another origin.
  HttpHeaders headers = {};

  /// Asked before each attempt for more headers, such as a fresh token; they replace those of the same name above. Runs
  /// on the thread that runs the source. If it throws a std::exception, or what it gives cannot be sent, the attempt
  /// fails like a lost connection: `on_error` is told why and it is asked again at the next one.
  std::function<HttpHeaders()> headers_for_attempt = nullptr;

  /// Sent as `Authorization: Bearer …`, or as Basic: one of them, and no Authorization among the headers besides.
  std::string bearer_token = {};
  std::optional<BasicCredentials> basic = {};

  /// Where to begin: what the first request sends as Last-Event-ID. Empty sends none. Holds no CR, LF or NUL.
  std::string last_event_id = {};

  /// The request's method, and its body, sent anew with each attempt; without a Content-Type among the headers it goes
  /// as text/plain. GET carries no body; HEAD and CONNECT make no stream.
  std::string method = "GET";
  std::string body = {};

  /// Reconnection (of which methods, base, cap, jitter, attempts, server errors), idle timeout and the largest event.
  /// A POST is sent again only where `policy.reconnect` says so. `policy.is_idempotent` follows from the method and
  /// need not be set.
  EventSourceState::Policy policy = {};

  /// Asked about each status other than 200 and 204, if there is one: whether to try again. It overrules
  /// `policy.retry_on_server_error`. A wait that the response asks for by Retry-After is kept.
  std::function<bool(int status)> retry_on_status = nullptr;

  /// Bytes that events which wait for next() may take in memory: once they do, the source reads no further, and the
  /// server has to wait. An event that is larger still comes, alone. Greater than zero. To be lowered where many
  /// sources are read slowly.
  std::size_t max_waiting_bytes = kMaxWaitingBytes;

  /// How long making a connection (name lookup, TCP and TLS) may take; longer than zero.
  Duration connect_timeout = kConnectTimeout;

  TlsOptions tls = {};

  /// `http://`, `https://`, `socks4://`, `socks4a://`, `socks5://` or `socks5h://`, host and port, with user and
  /// password where it wants them. Nothing: what the environment says (`http_proxy`, `https_proxy`, `all_proxy`,
  /// `no_proxy`). Empty: none, whatever the environment says.
  std::optional<std::string> proxy = {};

  /// Told what happens, one sentence at a time: each attempt, response and loss. Runs on the thread that runs the
  /// source and must not throw. Header values are never part of it.
  std::function<void(LogLevel, std::string_view)> log = nullptr;
};

}  // namespace millrace
