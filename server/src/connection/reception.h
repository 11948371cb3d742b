// Reception: decides which accepted connections are admitted, assigns each to a loop, and refuses the others.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "connection_loop.h"
#include "connection_loops.h"
#include "http/cross_origin.h"
#include "http/request_head.h"
#include "http/trusted_proxies.h"
#include "millrace/core/time.h"
#include "millrace/server/limits.h"
#include "shares/counters.h"
#include "shares/quota.h"
#include "shares/retry_spread.h"

namespace millrace {

/// Shortest pause before a client that has stopped reading is probed again, a bound of the system. The pause is half a
/// heartbeat.
inline constexpr Duration kMinRetransmissionPause{1'000};

/// Longest such pause, a bound of the system.
inline constexpr Duration kMaxRetransmissionPause{120'000};
static_assert(kMinRetransmissionPause <= kHeartbeatInterval / 2 && kHeartbeatInterval / 2 <= kMaxRetransmissionPause);

/// Connections beyond the bounds that get an answer (503, 429) at once; more are closed without an answer.
inline constexpr std::size_t kMaxTurnedAway = 1'000;

class Reception {
 public:
  struct Bounds {
    std::size_t connections;
    std::optional<std::size_t> connections_per_address;
    Duration heartbeat;    ///< of event streams
    bool is_clear = true;  ///< without TLS; with TLS an unencrypted answer would be unreadable
  };
  struct Parts {
    ConnectionLoops& loops;
    RefusalCounters& refusals;
    RetrySpread& retry_spread;
    const CrossOrigin& cross_origin;
    const TrustedProxies* proxies;  ///< null: no trusted proxies
  };

  Reception(Bounds bounds, Parts parts)
      : bounds_(bounds), parts_(parts), per_address_(bounds.connections_per_address) {}

  /// Sets the socket options that accepted sockets inherit, and makes the listening socket non-blocking.
  void prepare(int listening_socket) const;

  /// Accepts connections of `accepting` on the loops until `wait` returns. `wait` gets `ending`, the socket whose
  /// shutdown ends that, as a descriptor of its own: the caller may close his at any time. Mostly both are the same.
  /// Throws std::system_error if the system has no descriptor left.
  void accept_from(int accepting, int ending, const std::function<void(int socket)>& wait);

  /// Ends that earlier. On the thread of accept_from().
  void stop_accepting();

  /// Refuses a client of a server that was started with httplib::Server::listen().
  void refuse(int socket);

  /// Counts an HTTP/2 stream as a connection of its client's address and of the server. Any loop.
  std::optional<Quota::Share> admit_stream(const sockaddr_storage& peer, RequestError& why_not);

  /// Counts a stream behind a trusted proxy as a connection of its client's address. Any thread.
  std::optional<Quota::Share> take_address(const sockaddr_storage& client) {
    return per_address_.take(Who::network(client));
  }

  /// Returns the response to a client that is refused before it has sent a request, and counts the refusal. Any loop.
  std::string answer(const RequestError& error);

  ConnectionCounts& counts() { return counts_; }
  const ConnectionCounts& counts() const { return counts_; }

 private:
  void accept(ConnectionLoop& loop, int socket, const sockaddr_storage& peer);
  void refuse(ConnectionLoop& loop, int socket, const RequestError& error);
  std::optional<Quota::Share> share_of(const sockaddr_storage& peer);
  ConnectionLoop& loop_for_another(ConnectionLoop& loop) const;

  const Bounds bounds_;
  const Parts parts_;
  Quota per_address_;
  ConnectionCounts counts_;
};

}  // namespace millrace
