// Connection: one client's socket, from accepting to closing. It belongs to one loop, and no other thread touches it.
//
// It has one of two sides at a time. Its RequestSide collects a request, waits while a worker has it, writes what the
// worker could not write, and begins again; or the connection becomes an event stream, its StreamSide's, and stays one.
// With TLS its handshake comes first. There are very many of these, so rarely used members are behind a pointer, and
// small ones stand in what others leave of their last 8 bytes.
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
#include "millrace/server/subscription.h"
#include "request_side.h"
#include "shares/quota.h"
#include "stream/event_stream_state.h"
#include "stream/subscriber.h"
#include "stream_side.h"
#include "transport.h"

namespace millrace {

class ConnectionLoop;

class Connection final : public EventLoop::Watcher {
 public:
  enum class Phase : std::uint8_t {
    kHandshake,   ///< of TLS
    kIdle,        ///< between requests
    kHead,        ///< a request has begun
    kBody,        ///< its head is whole
    kWorking,     ///< a worker has it
    kResponding,  ///< the rest of the response is written
    kStreaming,   ///< an event stream
    kLingering,   ///< all is said: the client closes, or time runs out
    kClosed,
  };

  /// Bytes, and the end of them.
  static constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;

  /// `share`: of what one address may hold.
  Connection(ConnectionLoop& loop, int socket, Quota::Share share);
  ~Connection();

  /// Waits for the first request, with TLS for a handshake before; closes if the loop cannot watch the socket.
  void start();

  /// Refuses a client before it has asked for anything: `response` is all it gets, with TLS behind the handshake.
  void refuse(std::string response);

  /// A worker is done with the exchange.
  void finish(Exchange& exchange) { requests_.finish(*this, exchange); }

  /// A handler has turned its response into a subscription, or into a request-scoped stream; `head` is its head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms) {
    stream_.subscribe(head, std::move(subscription), cursor, last_event_id, std::move(terms));
  }
  void stream(std::string_view head, std::shared_ptr<EventStream::State> state) {
    stream_.open(head, std::move(state));
  }

  /// Closes the socket at once; what was not written is lost. An event stream's client will reconnect.
  void close(StreamEnd reason = StreamEnd::kClientLeft);

  StreamSide& stream_side() { return stream_; }
  const StreamSide& stream_side() const { return stream_; }
  bool is_streaming() const { return phase_ == Phase::kStreaming; }
  bool is_refused() const { return is_refused_; }
  int socket() const { return transport_.socket(); }
  Transport& transport() { return transport_; }
  const Transport& transport() const { return transport_; }

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
  /// Bytes the transport took. A broken one is closed.
  std::size_t send(std::span<iovec> buffers);
  bool has_unsent() const { return transport_.has_unsent(); }
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

  ConnectionLoop& loop_;
  [[no_unique_address]] Transport transport_;
  std::uint32_t index_ = 0;  // among the loop's connections
  const Quota::Share share_;
  [[no_unique_address]] RequestSide requests_;
  Phase phase_ = Phase::kHead;
  bool is_refused_ = false;
  [[no_unique_address]] StreamSide stream_{*this};
  std::uint32_t watched_for_ = 0;  // epoll's events
};

}  // namespace millrace
