// Handshakes: schedules the TLS handshakes of a loop's connections.
//
// A handshake costs more than writing to a hundred streams, so each turn of the loop gives one step to some of them, to
// fewer while events wait, and to no further one after a bounded time: a step takes 0.3 ms with a P-256 key, several
// times as long with RSA of 4,096 bits. The number in progress is bounded: one more cuts the handshake that the server
// has waited for longest. The loop's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "millrace/core/time.h"
#include "millrace/server/limits.h"
#include "shares/counters.h"
#include "tls/tls_context.h"

namespace millrace {

class Connection;

/// Time of the handshakes in one turn, after which the loop serves its sockets; checked after each step.
inline constexpr std::chrono::milliseconds kTlsHandshakeTime{2};

struct TlsTerms {
  Duration handshake_deadline = kTlsHandshakeDeadline;
  std::size_t max_handshakes = kMaxTlsHandshakes;  ///< of one loop
  /// Called with a remark for the log about a handshake with the client at this address. Must not wait.
  std::function<void(const TlsChannel::Remark& remark, const std::string& client)> on_remark = nullptr;
};

class Handshakes {
 public:
  Handshakes(const TlsContext& context, const TlsTerms& terms, LoopCounters& counters)
      : context_(context), terms_(terms), counters_(counters) {}

  Duration deadline() const { return terms_.handshake_deadline; }

  /// Queues the connection for a turn, because input for its handshake has arrived.
  void enqueue(Connection& connection);

  /// Begins the handshake of a connection whose turn it is. Throws std::bad_alloc.
  std::unique_ptr<TlsChannel> begin(Connection& connection);

  // Ends its handshake: complete, failed, or timed out.
  void finish(Connection& connection);
  void fail(Connection& connection);
  void time_out(Connection& connection);
  /// Drops a connection that closes, or that goes on without TLS.
  void forget(Connection& connection);

  /// Gives turns to the queued connections: to fewer if events wait, and for at most kTlsHandshakeTime and a step.
  void take_turns(bool events_wait);
  bool has_more() const { return !waiting_.empty(); }

 private:
  using Place = std::optional<std::list<Connection*>::iterator>;
  struct Places {
    Place begun;
    Place waiting;
  };

  void cut_longest();
  void pass_on_remark(Connection& connection);

  const TlsContext& context_;
  const TlsTerms& terms_;
  LoopCounters& counters_;
  std::list<Connection*> begun_;    // in the order in which they began
  std::list<Connection*> waiting_;  // for a turn
  std::unordered_map<Connection*, Places> places_;
};

}  // namespace millrace
