// What a Server can be told when it is made. Every default is safe on a machine that others can reach.
#pragma once

#include <cstddef>
#include <memory>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"

namespace millrace {

class Authorizer;

struct ServerOptions {
  /// Threads that run request handlers. Event streams and idle connections need none of them.
  std::size_t workers = 8;

  /// Event loops, each with a thread of its own. 0: one a core.
  std::size_t loops = 0;

  /// Decides who may subscribe, publish and administer. Without one anybody subscribes, nobody administers, and
  /// anonymous_publish says who publishes.
  std::shared_ptr<const Authorizer> authorizer = nullptr;

  /// Without an authorizer: lets anyone who reaches the port publish by `POST` on an events route. Otherwise only the
  /// program itself publishes, through hub().
  bool anonymous_publish = false;

  /// Events, and bytes of encoded events, that the log keeps for those who resume. The oldest go first.
  std::size_t history_events = kHistoryEvents;
  std::size_t history_bytes = kHistoryBytes;

  /// How long the log keeps an event. Zero: as long as it fits.
  Duration history_age{0};

  /// The reconnection time each event stream begins with.
  Duration retry = kDefaultReconnectionTime;

  /// An event stream that has been quiet this long gets a heartbeat.
  Duration heartbeat = kHeartbeatInterval;

  /// A connection whose bytes stay unacknowledged this long is dead.
  Duration unacknowledged_timeout = kUnacknowledgedTimeout;

  /// Time until a request head must be whole (408), and then its body as far as the event loop collects it.
  Duration request_head_deadline = kRequestHeadDeadline;
  Duration request_body_deadline = kRequestBodyDeadline;

  /// Largest request head, in bytes (431).
  std::size_t max_request_head_bytes = kMaxRequestHeadBytes;

  /// Largest body of a publish request, in bytes (413).
  std::size_t max_publish_bytes = kMaxPublishBytes;

  /// Most connections at once (503).
  std::size_t max_connections = kMaxConnections;
};

}  // namespace millrace
