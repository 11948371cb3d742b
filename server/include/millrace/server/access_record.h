// AccessRecord: one request that has been answered, or one event stream that has ended, for a log of accesses.
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
  kAnswered,      ///< it was no event stream: the response is whole, or its connection is lost
  kClientLeft,    ///< the client closed it, or its connection broke
  kVanished,      ///< the client's machine has not answered for ServerOptions::streams.unacknowledged_timeout
  kFinished,      ///< its topics are finished, a poll has carried something, or the program has closed it
  kTooSlow,       ///< the server cut it, since its client read too slowly
  kExpired,       ///< its lifetime, or the client's token, is over
  kRevoked,       ///< the client's right to it was taken away
  kDisconnected,  ///< an administrator, or the program, has ended it by Server::disconnect()
  kDrained,       ///< the server drains
  kStopped,       ///< the server has stopped
};

/// The end as a word: `client-left`.
constexpr std::string_view text_of(AccessEnd end) {
  constexpr std::string_view kTexts[] = {"answered", "client-left", "vanished",     "finished", "too-slow",
                                         "expired",  "revoked",     "disconnected", "drained",  "stopped"};
  return kTexts[static_cast<std::size_t>(end)];
}

/// One request with its response, or one event stream. All text comes from outside: escape it before it is written.
struct AccessRecord {
  std::string address;                   ///< the client's, without the port; through a trusted proxy, that behind it
  std::string method;                    ///< empty if the request had no valid beginning
  std::string path;                      ///< without the query, which may contain a secret
  int status = 0;                        ///< of the response; 0 if the connection was closed without one
  std::uint64_t bytes = 0;               ///< of the response, its head included, that the connection has taken
  Duration duration{0};                  ///< since the request was whole
  std::string user;                      ///< as the authorizer names it; empty if unknown
  AccessEnd end = AccessEnd::kAnswered;  ///< how it ended

  // Of an event stream on the hub.
  std::string client;               ///< the name it gave itself
  std::vector<std::string> topics;  ///< its patterns
  std::string last_event_id;        ///< the ID that it resumed from
  std::uint64_t events = 0;         ///< written to it
};

}  // namespace millrace
