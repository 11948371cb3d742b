// Connection: one client's socket, from accepting to closing. It belongs to one loop, and no other thread touches it.
//
// It has one of two sides at a time. Its RequestSide collects a request, waits while a worker has it, writes what the
// worker could not write, and begins again; or the connection becomes an event stream, its StreamSide's, and stays one.
// With TLS its handshake comes first. One that speaks HTTP/2 has a Connection for each of its streams, without a
// socket. There are very many of these, so rarely used members are behind a pointer, and small ones stand in what
// others leave of their last 8 bytes.
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

/// Time for the client to close a connection that the server has finished.
inline constexpr Duration kLingerTimeout{2'000};

class ConnectionLoop;
class Http2Connection;

class Connection final : public EventLoop::Watcher, public StreamSide {
 public:
  enum class Phase : std::uint8_t {
    kHandshake,   ///< of TLS
    kIdle,        ///< between requests
    kHead,        ///< a request has begun
    kBody,        ///< its head is whole
    kWorking,     ///< a worker has it
    kResponding,  ///< the rest of the response is written
    kStreaming,   ///< an event stream
    kHttp2,       ///< it speaks HTTP/2: its streams are connections of their own
    kLingering,   ///< all is said: the client closes, or time runs out
    kClosed,
  };

  /// Bytes, and the end of them.
  static constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;

  /// `share`: of what one address may hold.
  Connection(ConnectionLoop& loop, int socket, Quota::Share share);
  /// A stream of a connection of HTTP/2, which takes the socket's place.
  Connection(ConnectionLoop& loop, Http2Connection& carrier, std::uint32_t stream, Quota::Share share);
  ~Connection();

  /// Waits for the first request, with TLS for a handshake before; closes if the loop cannot watch the socket.
  void start();

  /// Refuses a client before it has asked for anything: `response` is all it gets, with TLS behind the handshake.
  void refuse(std::string response);

  /// What has come for a stream of HTTP/2, as HTTP/1.1 has it.
  void take_in(std::string_view bytes) { requests_.take_in(*this, bytes); }
  /// The client speaks HTTP/2; `bytes` have come.
  void become_http2(std::string_view bytes);

  /// A worker is done with the exchange.
  void finish(Exchange& exchange);

  /// A handler has turned its response into a subscription, or into a request-scoped stream; `head` is its head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms) {
    leave_worker();
    StreamSide::subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  }
  void stream(std::string_view head, std::shared_ptr<EventStream::State> state) {
    leave_worker();
    StreamSide::open(head, std::move(state));
  }

  /// Closes the socket at once; what was not written is lost. An event stream's client will reconnect.
  void close(StreamEnd reason = StreamEnd::kClientLeft);

  StreamSide& stream_side() { return *this; }
  const StreamSide& stream_side() const { return *this; }
  bool is_streaming() const { return phase_ == Phase::kStreaming; }
  bool is_refused() const { return is_refused_; }
  /// Of a stream of HTTP/2, that of its connection; and so with the transport.
  int socket() const { return transport().socket(); }
  Transport& transport() { return is_stream_ ? transport_of_carrier() : transport_; }
  const Transport& transport() const { return const_cast<Connection*>(this)->transport(); }

  /// It is a stream of HTTP/2.
  bool is_stream() const { return is_stream_; }
  std::uint32_t stream_id() const { return static_cast<std::uint32_t>(~transport_.socket()); }
  /// Of the stream, or of the connection that speaks it; null if that is HTTP/1.1.
  Http2Connection* http2() const { return http2_.get(); }

  void on_ready(std::uint32_t events) override;
  void on_timer(TimePoint now) override;

  /// Its turn among the handshakes: goes on with its own.
  void shake_hands();

  // For its sides --------------------------------------------------------------------------------------------------

  ConnectionLoop& loop() const { return loop_; }
  Phase phase() const { return phase_; }
  void enter(Phase phase) { phase_ = phase; }
  bool awaits_request() const { return phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody; }

  void set_deadline(Duration after);
  void watch_for(std::uint32_t events);
  /// Room to write, too; wanted also for what is unsent.
  void want_output(bool wanted);
  bool wants_output() const { return (watched_for_ & EPOLLOUT) != 0; }
  /// Bytes the transport took. A broken one is closed.
  std::size_t send(std::span<iovec> buffers);
  bool has_unsent() const { return !is_stream_ && transport_.has_unsent(); }
  void discard_input();

  /// The stream is over: `response` is what is left to write, and then the connection lingers.
  void end_with(std::string response) { requests_.respond_last(*this, std::move(response)); }
  /// All is written: the client closes, or time runs out.
  void linger();

 private:
  friend class ConnectionLoop;

  bool watch(std::uint32_t events);
  void begin_handshake();
  void finish_handshake();
  void await_first_request();
  bool send_unsent();
  Transport& transport_of_carrier() const;
  void leave_worker();

  std::uint32_t watched_for_ = 0;  // epoll's events
  ConnectionLoop& loop_;
  [[no_unique_address]] Transport transport_;  // of a stream, it has only its number
  std::uint32_t index_ = 0;                    // among the loop's connections
  const Quota::Share share_;
  std::unique_ptr<Http2Connection> http2_;  // a stream only borrows it
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
