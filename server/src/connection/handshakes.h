// Handshakes: the TLS handshakes of a loop's connections, and whose turn it is.
//
// A handshake costs more than writing to a hundred streams, so each turn of the loop gives some of them one step, and
// fewer while events wait. Those that have begun are bounded: one more cuts the one that has kept the server waiting
// longest. The loop's thread.
#pragma once

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

struct TlsTerms {
  Duration handshake_deadline = kTlsHandshakeDeadline;
  std::size_t max_handshakes = kMaxTlsHandshakes;  ///< of one loop
  /// Told what is worth a line in the log about a handshake with the socket's client. Must not wait.
  std::function<void(const TlsChannel::Remark& remark, int socket)> on_remark = nullptr;
};

class Handshakes {
 public:
  Handshakes(const TlsContext& context, const TlsTerms& terms, LoopCounters& counters)
      : context_(context), terms_(terms), counters_(counters) {}

  Duration deadline() const { return terms_.handshake_deadline; }

  /// There is something to read for its handshake: it gets a turn.
  void enqueue(Connection& connection);

  /// Begins the handshake of a connection whose turn it is. Throws std::bad_alloc.
  std::unique_ptr<TlsChannel> begin(Connection& connection);

  // The end of it: done, failed, or not worth more waiting.
  void finish(Connection& connection);
  void fail(Connection& connection);
  void time_out(Connection& connection);
  /// Its connection closes, or goes on without TLS.
  void forget(Connection& connection);

  /// Gives turns to those that wait for one: fewer if events wait, too.
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
  std::list<Connection*> begun_;    // in this order
  std::list<Connection*> waiting_;  // for a turn
  std::unordered_map<Connection*, Places> places_;
};

}  // namespace millrace
