// Connection: one client's socket, from accepting to closing. It belongs to one loop; no other thread uses it.
//
// One of its two sides is active at a time. The RequestSide collects a request, waits while a worker handles it, writes
// what the worker could not write, and begins again. If the connection becomes an event stream, the StreamSide takes
// over until the stream ends. With TLS the handshake comes first. An HTTP/2 connection has a Connection without a
// socket for each of its streams. A server has very many connections, so rarely used members are behind a pointer, and
// small members fill the padding of others.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "exchange.h"
#include "loop/event_loop.h"
#include "millrace/core/time.h"
#include "millrace/server/subscription.h"
#include "request_side.h"
#include "shares/quota.h"
#include "stream/event_stream_state.h"
#include "stream/subscriber.h"
#include "stream_side.h"
#include "transport.h"

namespace millrace {

/// Time for the client to close a connection after the server's last response.
inline constexpr Duration kLingerTimeout{2'000};

class ConnectionLoop;
class Http2Connection;

class Connection final : public EventLoop::Watcher, public StreamSide {
 public:
  enum class Phase : std::uint8_t {
    kProxyHeader,  ///< waiting for the PROXY protocol to name the client
    kHandshake,    ///< the TLS handshake
    kIdle,         ///< between requests
    kHead,         ///< receiving a request's head
    kBody,         ///< receiving its body
    kWaiting,      ///< the loop answers the request when other connections have had their turns
    kWorking,      ///< a worker handles the request
    kResponding,   ///< writing the rest of the response
    kStreaming,    ///< an event stream
    kHttp2,        ///< HTTP/2: each stream has a Connection of its own
    kLingering,    ///< everything is written: waits until the client closes, or for a timeout
    kClosed,
  };

  /// Input and its end.
  static constexpr std::uint32_t kInput = Ready::kInput | Ready::kInputEnd;

  /// `share`: the connection's share of its address's quota.
  Connection(ConnectionLoop& loop, int socket, Quota::Share share);
  /// For a stream of an HTTP/2 connection; `carrier` takes the socket's place.
  Connection(ConnectionLoop& loop, Http2Connection& carrier, std::uint32_t stream, Quota::Share share);
  ~Connection();

  /// Answers the request that waits for its turn.
  void take_turn() { requests_.take_turn(*this); }

  /// Waits for the first request, with TLS first for a handshake; closes if the loop cannot watch the socket.
  void start();

  /// Refuses a client before its first request: writes `response`, with TLS after the handshake, and closes.
  void refuse(std::string response);

  /// Takes the input of an HTTP/2 stream, in the form of HTTP/1.1.
  void take_in(std::string_view bytes) { requests_.take_in(*this, bytes); }
  /// Switches to HTTP/2; `bytes` are the input so far.
  void become_http2(std::string_view bytes);

  /// A worker has finished the exchange.
  void finish(Exchange& exchange);

  /// A handler has turned its response into a subscription or a request-scoped stream; `head` is the response's head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms) {
    leave_worker();
    StreamSide::subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  }
  void stream(std::string_view head, std::shared_ptr<EventStream::State> state, StreamTerms terms) {
    leave_worker();
    StreamSide::open(head, std::move(state), std::move(terms));
  }

  /// Closes the socket at once and drops unwritten output. The client of an event stream will reconnect.
  void close(StreamEnd reason = StreamEnd::kClientLeft);

  StreamSide& stream_side() { return *this; }
  const StreamSide& stream_side() const { return *this; }
  bool is_streaming() const { return phase_ == Phase::kStreaming; }
  bool is_refused() const { return is_refused_; }
  /// For an HTTP/2 stream: the socket, and the transport, of the connection that carries it.
  int socket() const { return transport().socket(); }
  Transport& transport() { return is_stream_ ? transport_of_carrier() : transport_; }
  const Transport& transport() const { return const_cast<Connection*>(this)->transport(); }

  /// Its share of its address's quota; of nobody's if there is no quota, or the client is behind a proxy.
  const Quota::Share& share() const { return share_; }

  /// Whether it is an HTTP/2 stream.
  bool is_stream() const { return is_stream_; }
  std::uint32_t stream_id() const { return static_cast<std::uint32_t>(~transport_.socket()); }
  /// The HTTP/2 connection of this stream or socket; null with HTTP/1.1.
  Http2Connection* http2() const { return http2_.get(); }

  void on_ready(std::uint32_t events) override;
  void on_timer(TimePoint now) override;

  /// Continues its handshake; called when Handshakes gives it a turn.
  void shake_hands();

  // For its sides --------------------------------------------------------------------------------------------------

  ConnectionLoop& loop() const { return loop_; }
  Phase phase() const { return phase_; }
  void enter(Phase phase);
  bool awaits_request() const { return phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody; }

  void set_deadline(Duration after);
  void watch_for(std::uint32_t events);
  /// Also watches for room to write; needed for unsent bytes, too.
  void want_output(bool wanted);
  bool wants_output() const { return (watched_for_ & Ready::kOutput) != 0; }
  /// Returns the bytes that the transport took. Closes a broken connection.
  std::size_t send(std::span<iovec> buffers);
  bool has_unsent() const { return !is_stream_ && transport_.has_unsent(); }
  void discard_input();

  /// The stream is over: writes `rest`, its last bytes, and then waits for another request, or lingers if none can
  /// follow.
  void end_with(std::string rest) { requests_.end_stream(*this, std::move(rest)); }
  /// Everything is written: waits until the client closes, or for a timeout.
  void linger();

 private:
  friend class ConnectionLoop;

  bool watch(std::uint32_t events);
  void begin();
  void await_proxy_header();
  void set_least_input(std::size_t bytes);
  void read_proxy_header(std::uint32_t events);
  void begin_handshake();
  void finish_handshake();
  void await_first_request();
  bool send_unsent();
  Transport& transport_of_carrier() const;
  void leave_worker();

  // Sums of Ready in 16 bits. Of those in use, only kOnce is above them.
  static std::uint16_t packed(std::uint32_t events) {
    return static_cast<std::uint16_t>((events & 0x7fff) | (events & Ready::kOnce) >> 15);
  }

  std::uint16_t watched_for_ = 0;  // packed
  ConnectionLoop& loop_;
  [[no_unique_address]] Transport transport_;  // for an HTTP/2 stream only a number
  std::uint32_t index_ = 0;                    // in the loop's list of connections
  const Quota::Share share_;
  std::unique_ptr<Http2Connection> http2_;  // owned by the root, borrowed by its streams
  [[no_unique_address]] RequestSide requests_;
  Phase phase_ = Phase::kHead;
  bool is_refused_ = false;
  const bool is_stream_ = false;
};

inline Connection& StreamSide::connection() {
  return static_cast<Connection&>(*this);
}
inline const Connection& StreamSide::connection() const {
  return static_cast<const Connection&>(*this);
}

}  // namespace millrace
