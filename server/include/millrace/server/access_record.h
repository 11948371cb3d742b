// AccessRecord: one answered request, or one ended event stream, for an access log.
//
// ServerOptions::on_access gets it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/time.h"

namespace millrace {

/// How an event stream ended.
enum class AccessEnd : std::uint8_t {
  kAnswered,      ///< not an event stream: the response is complete, or its connection was lost
  kClientLeft,    ///< the client closed it, or its connection broke
  kVanished,      ///< the client's machine has not answered for ServerOptions::streams.unacknowledged_timeout
  kFinished,      ///< its topics are finished, a poll has delivered something, or the program has closed it
  kTooSlow,       ///< the server cut it, because its client read too slowly
  kExpired,       ///< its lifetime is over, or the client's token has expired
  kRevoked,       ///< the client's right to it was taken away
  kDisconnected,  ///< an administrator or the program ended it with Server::disconnect()
  kDrained,       ///< the server drains
  kStopped,       ///< the server has stopped
};

/// The end as a word: `client-left`.
constexpr std::string_view text_of(AccessEnd end) {
  constexpr std::string_view kTexts[] = {"answered", "client-left", "vanished",     "finished", "too-slow",
                                         "expired",  "revoked",     "disconnected", "drained",  "stopped"};
  return kTexts[static_cast<std::size_t>(end)];
}

/// One request with its response, or one event stream. All texts come from outside: escape them before you write them.
struct AccessRecord {
  std::string address;                   ///< the client's, without the port; also behind a trusted proxy
  std::string method;                    ///< empty if the request had no valid beginning
  std::string path;                      ///< without the query, which may contain a secret
  int status = 0;                        ///< of the response; 0 if the connection was closed without one
  std::uint64_t bytes = 0;               ///< of the response, with its head, that the connection has accepted
  Duration duration{0};                  ///< since the request was complete
  std::string user;                      ///< as the authorizer names it; empty if unknown
  AccessEnd end = AccessEnd::kAnswered;  ///< how it ended
  std::string traceparent;               ///< the request's, if it is valid, otherwise empty [W3C Trace Context]
  std::string tracestate;                ///< likewise; at most 512 bytes

  // Only for an event stream on the hub.
  std::string client;               ///< the name that the client gave itself
  std::vector<std::string> topics;  ///< its patterns
  std::string last_event_id;        ///< the ID that it resumed from
  std::uint64_t events = 0;         ///< number of events written to it
};

}  // namespace millrace
