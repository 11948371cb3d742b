// Connection: one client's socket, from accepting to closing. It lives on one loop and is never touched by another
// thread.
//
// It collects a request, waits while a worker has it, writes what the worker could not write, and begins again; or it
// becomes an event stream and stays one. There are very many of these, so rarely used members are behind a pointer.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "exchange.h"
#include "http/request_intake.h"
#include "hub/presence.h"
#include "loop/event_loop.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/subscription.h"
#include "shares/quota.h"
#include "stream/event_stream_state.h"
#include "stream/subscriber.h"
#include "stream_right.h"

namespace millrace {

class ConnectionLoop;

/// What a subscription has beyond its filter.
struct StreamTerms {
  std::string user;
  std::optional<TimePoint> ends_at;
  std::optional<Duration> retry;
  std::function<void(StreamEnd)> on_close;
  std::shared_ptr<Presence::Watch> watch = nullptr;  ///< where presence events are asked for, and there are any
  StreamRightPtr right = nullptr;                    ///< where an authorizer can be asked about it again
};

class Connection final : public EventLoop::Watcher, public Subscriber::Output {
 public:
  /// `share`: of what one address may hold.
  Connection(ConnectionLoop& loop, int socket, Quota::Share share);
  ~Connection();

  /// Waits for the first request; closes if the loop cannot watch the socket.
  void start();

  /// Says no to a client before it has asked for anything: `response` is all it gets.
  void turn_away(std::string response);

  /// A worker is done with the exchange.
  void finish(Exchange& exchange);

  /// A handler has turned its response into a subscription, or into a request-scoped stream; `head` is its head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms);
  void stream(std::string_view head, std::shared_ptr<EventStream::State> state);

  /// Closes the socket at once; what was not written is lost. An event stream's client will reconnect.
  void close(StreamEnd reason = StreamEnd::kClientLeft);

  /// Ends a subscription; the client is to come back after `retry`.
  void retire(Duration retry, StreamEnd reason);

  /// Its subscriber has its turn to read on from the log.
  void read_on();

  /// What read_stored() has brought for its subscriber.
  void take_stored(const Feed::Page& page);

  /// There is something new of presence for its subscriber. `is_news`: a poll is over with it.
  void tell_presence(bool is_news = true);

  bool is_streaming() const { return phase_ == Phase::kStreaming; }

  /// Of a subscription, for whom the loop has sent `bytes` bytes of frames: what the system says of it (bytes taken, or
  /// an errno, negated). Returns how many have been taken.
  std::size_t take_result(std::span<const FramePtr> frames, std::size_t bytes, ssize_t result);
  int socket() const { return socket_; }

  // Of a subscription
  bool is_client(std::string_view client) const { return subscriber_->client() == client; }
  bool is_selected(const StreamSelection& selection) const;
  /// The right it was opened by; null where nobody is to be asked about it.
  StreamRightPtr right() const { return terms_ != nullptr ? terms_->right : nullptr; }
  /// What the authorizer says of it now.
  void settle_right(const Authorizer::Decision& decision);
  SubscriptionInfo info() const;
  Duration reconnection_time() const;

  void on_ready(std::uint32_t events) override;
  void on_timer(TimePoint now) override;

 private:
  friend class ConnectionLoop;

  // Reading from one socket ends after so many pieces in one turn: the others want theirs.
  static constexpr std::size_t kReadBytes = 16 * 1024;
  static constexpr int kReadsPerTurn = 16;

  enum class Phase : std::uint8_t {
    kIdle,        // between requests
    kHead,        // a request has begun
    kBody,        // its head is whole
    kWorking,     // a worker has it
    kResponding,  // the rest of the response is written
    kStreaming,   // an event stream
    kLingering,   // all is said: the client closes, or time runs out
    kClosed,
  };

  // What is left of a response.
  struct Unwritten {
    std::string bytes;
    std::size_t begin = 0;
    BufferBudget::Share share = {};
    std::optional<TimePoint> waiting_since = {};  // for the client to take it
  };

  // The connection, as a request-scoped stream sees it.
  class RequestStream;

  // Bytes, and the end of them.
  static constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;
  static constexpr std::uint32_t kNothing = EPOLLONESHOT;

  bool watch();
  void watch_for(std::uint32_t events);
  bool awaits_request() const { return phase_ == Phase::kIdle || phase_ == Phase::kHead || phase_ == Phase::kBody; }

  // Requests
  void read_request();
  bool take_in(std::string_view bytes);
  void process_input();
  bool serve_request();
  bool send_answers();
  void dispatch(Exchange exchange);
  void reject(const RequestError& error);
  /// Likewise, of a request that is not held any more.
  void reject(const RequestError& error, bool is_to_head, const std::string& origin);
  void await_input(Phase phase, Duration deadline);
  void await_room();

  // Responses
  void set_output(std::string bytes, BufferBudget::Share share = {});
  void append_output(std::string bytes);
  void write_output();
  bool send_output();
  void after_response();
  void linger();
  void discard_input();

  // Event streams
  void begin_stream();
  bool is_lost(TimePoint now);
  void watch_presence();
  void leave_stream(StreamEnd reason);
  Presence::Listener listener() const;
  void on_stream_ready(std::uint32_t events);
  void go_on(EventStream::State::Progress progress);
  std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) override;
  void yield() override;
  WorkBudget& reading() override;
  void end() override;
  void read_stored(std::uint64_t sequence) override;
  void on_gap() override;

  void count_delivery(std::span<const FramePtr> frames, std::size_t sent, std::size_t bytes);
  std::size_t send(std::span<iovec> buffers);
  void want_output(bool wanted);
  void set_deadline(Duration after);
  void set_stream_timer();
  void on_stream_timer(TimePoint now);

  ConnectionLoop& loop_;
  const int socket_;
  const Quota::Share share_;
  Phase phase_ = Phase::kHead;
  bool keep_alive_ = false;  // after the response that is being written
  bool turned_away_ = false;
  bool reads_later_ = false;                     // the loop has it among its readers
  bool is_present_ = false;                      // presence counts the subscription
  StreamEnd end_reason_ = StreamEnd::kFinished;  // of a subscription that ends in order
  std::uint32_t requests_ = 0;
  std::uint32_t index_ = 0;        // among the loop's connections
  std::uint32_t watched_for_ = 0;  // epoll's events
  std::unique_ptr<RequestIntake> intake_;
  std::unique_ptr<Unwritten> output_;  // null if there is none
  std::unique_ptr<Subscriber> subscriber_;
  std::uint64_t stored_ticket_ = 0;  // of what the subscriber has asked the store for
  TimePoint opened_at_{};
  TimePoint heartbeat_at_{};                    // of an event stream: unless something is written before
  TimePoint unheard_since_ = TimePoint::max();  // while what an event stream has sent is unanswered
  std::unique_ptr<StreamTerms> terms_;
  std::unique_ptr<RequestStream> request_stream_;
};

}  // namespace millrace
