// EventSourceOptions: the options of an EventSource. Every default is the standard's behaviour.
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

#include "millrace/client/limits.h"
#include "millrace/core/event_source_state.h"
#include "millrace/core/time.h"

namespace millrace {

/// Request headers, name and value. Names are tokens; values contain no CR, LF or NUL. Millrace sets `Last-Event-ID`,
/// `Content-Length`, `Transfer-Encoding` and `Connection` itself.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// How the client checks an https server, or an https proxy.
struct TlsOptions {
  /// PEM file of the certificates to trust; empty: the system's.
  std::string ca_file = {};
  /// False accepts any certificate. The connection is then encrypted but not authenticated: use it only in tests.
  bool verify = true;
};

/// User and password for `Authorization: Basic`. The name contains no colon.
struct BasicCredentials {
  std::string user;      ///< UTF-8 without a colon
  std::string password;  ///< UTF-8
};

/// The importance of a line of EventSourceOptions::log.
enum class LogLevel : std::uint8_t {
  kDebug,    ///< each step
  kInfo,     ///< connections made and ended
  kWarning,  ///< failures
};

/// Options of an EventSource.
struct EventSourceOptions {
  /// Sent with every attempt. Authorization, Cookie and Host are not sent to another origin after a redirect.
  HttpHeaders headers = {};

  /// Called before each attempt; returns more headers, such as a fresh token, which replace `headers` of the same name.
  /// Runs on the source's thread. If it throws a std::exception or returns invalid headers, the attempt fails like a
  /// lost connection: `on_error` gets the reason, and the next attempt calls it again.
  std::function<HttpHeaders()> headers_for_attempt = nullptr;

  /// Sent as `Authorization: Bearer …`; empty: not sent. Refused together with `basic` or an Authorization in
  /// `headers`.
  std::string bearer_token = {};
  /// Sent as `Authorization: Basic …`. Refused together with `bearer_token` or an Authorization in `headers`.
  std::optional<BasicCredentials> basic = {};

  /// The Last-Event-ID of the first request; empty: not sent. Contains no CR, LF or NUL.
  std::string last_event_id = {};

  /// The request's method: a token. HEAD and CONNECT are refused, since their responses carry no stream.
  std::string method = "GET";
  /// The request's body, sent with each attempt. Without a Content-Type in `headers` it is text/plain. A GET request
  /// with a body is refused.
  std::string body = {};

  /// Reconnection (which methods, base, cap, jitter, attempts, server errors), idle timeout and the largest event. A
  /// POST is sent again only if `policy.reconnect` is kAlways. `policy.is_idempotent` is set from the method: leave it
  /// alone.
  EventSourceState::Policy policy = {};

  /// If set, called for each status other than 200 and 204; returns whether to try again. Overrules
  /// `policy.retry_on_server_error`. The source still waits for the response's Retry-After.
  std::function<bool(int status)> retry_on_status = nullptr;

  /// Bytes of memory for events that wait for next(). At the bound the source stops reading, so that the server must
  /// wait. A larger event is still delivered, alone. Must be greater than 0. Lower it if many sources are read slowly.
  std::size_t max_waiting_bytes = kMaxWaitingBytes;

  /// Time for making a connection (name lookup, TCP and TLS). Must be longer than 0.
  Duration connect_timeout = kConnectTimeout;

  /// Certificates of https servers and proxies.
  TlsOptions tls = {};

  /// Speaks HTTP/2 with `http://` servers, without asking whether they do ("prior knowledge"). Set it only for servers
  /// known to speak it in clear, such as Millrace's; others break off the connection. With `https://`, TLS negotiates
  /// the version.
  bool http2_prior_knowledge = false;

  /// `http://`, `https://`, `socks4://`, `socks4a://`, `socks5://` or `socks5h://`, host and port, and user and
  /// password if the proxy needs them. Not set: the environment decides (`http_proxy`, `https_proxy`, `all_proxy`,
  /// `no_proxy`). Empty: no proxy, whatever the environment says.
  std::optional<std::string> proxy = {};

  /// Asks a Millrace server for the trace of each event that has one (MessageEvent::trace, ReceivedEvent::trace).
  bool traces = false;

  /// Called with one sentence for each attempt, response and loss. Runs on the source's thread and must not throw. The
  /// sentences never contain header values.
  std::function<void(LogLevel, std::string_view)> log = nullptr;
};

}  // namespace millrace
