// StreamSide: a connection as an event stream: a subscription to the hub, or a stream of the request's own.
//
// It is a part of its Connection: a base of that, since there are very many of them, so that it need not keep where
// that is. The loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hub/presence.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/subscription.h"
#include "signs_of_life.h"
#include "stream/event_stream_state.h"
#include "stream/subscriber.h"
#include "stream_right.h"
#include "tls/tls_channel.h"

namespace millrace {

class Connection;
class ConnectionLoop;
class RequestStream;

/// What a subscription has beyond its filter.
struct StreamTerms {
  std::string user;
  std::optional<TimePoint> ends_at;
  std::optional<Duration> retry;
  std::function<void(StreamEnd)> on_close;
  std::shared_ptr<Presence::Watch> watch = nullptr;  ///< where presence events are asked for, and there are any
  StreamRightPtr right = nullptr;                    ///< where an authorizer can be asked about it again
  std::optional<TimePoint> next_interval = {};       ///< of a subscriber that is handed events at intervals
  TimePoint looks_at{};                              ///< of such a one: when its timer is due for all the rest
};

class StreamSide : public Subscriber::Outlet {
 public:
  StreamSide(const StreamSide&) = delete;
  StreamSide& operator=(const StreamSide&) = delete;

  /// The connection becomes a subscription, or a request-scoped stream; `head` is its response's head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms);
  void open(std::string_view head, std::shared_ptr<EventStream::State> state);

  void on_ready(std::uint32_t events);
  void on_timer(TimePoint now);

  /// The stream is over, for whatever reason: those who wait for that are called.
  void leave(StreamEnd reason);
  /// It does not count among the open streams any more. One that has ended does until its last bytes have been written,
  /// or never will be.
  void stop_counting();

  // Of a subscription ------------------------------------------------------------------------------------------------

  /// Ends it; the client is to come back after `retry`.
  void retire(Duration retry, StreamEnd reason);
  /// Its subscriber has its turn to read on from the log.
  void read_on();
  /// What read_stored() has brought for its subscriber.
  void take_stored(const Feed::Page& page);
  /// There is something new of presence for its subscriber. `is_news`: a poll is over with it.
  void tell_presence(bool is_news = true);
  /// The loop has sent `chunks` for it, the bytes of `frames`: what the system says of it (bytes taken, or an errno,
  /// negated). Returns how many have been taken.
  std::size_t take_result(std::span<const FramePtr> frames, std::string_view chunks, ssize_t result);
  /// Likewise, where what has been sent is `sealed`.
  std::size_t take_sealed_result(std::span<const FramePtr> frames, std::string_view chunks,
                                 const TlsChannel::Sealed& sealed, ssize_t result);

  bool is_client(std::string_view client) const { return subscriber_->client() == client; }
  bool is_selected(const StreamSelection& selection) const;
  /// The right it was opened by; null where nobody is to be asked about it.
  StreamRightPtr right() const { return terms_ != nullptr ? terms_->right : nullptr; }
  /// What the authorizer says of it now.
  void settle_right(const Authorizer::Decision& decision);
  SubscriptionInfo info() const;
  Duration reconnection_time() const;

  Connection& connection();
  const Connection& connection() const;
  bool reads_later() const { return reads_later_; }
  /// The loop has it among its readers from now on, or not any more; returns whether it had.
  bool set_reads_later(bool reads_later) { return std::exchange(reads_later_, reads_later); }

 protected:
  StreamSide();
  ~StreamSide();
  /// Its connection goes: events do not pass the subscriber any more.
  void forget();

 private:
  ConnectionLoop& loop() const;
  bool is_open() const;
  void begin();
  void watch_presence();
  Presence::Listener listener() const;
  void begin_intervals();
  bool end_interval(TimePoint now);
  void put_off_heartbeat();
  void set_timer();
  std::size_t took(std::span<const FramePtr> frames, std::size_t bytes, std::size_t taken);
  void count_delivery(std::span<const FramePtr> frames, std::size_t sent, std::size_t bytes);

  std::size_t write(std::span<const FramePtr> frames, std::size_t skip, WireForm form) override;
  void yield() override;
  WorkBudget& reading() override;
  void end() override;
  void read_stored(const Place& place) override;
  void on_gap() override;

  std::unique_ptr<Subscriber> subscriber_;
  std::uint64_t stored_ticket_ = 0;  // of what the subscriber has asked the store for
  TimePoint opened_at_{};
  TimePoint heartbeat_at_{};  // unless something is written before
  SignsOfLife client_;
  std::unique_ptr<StreamTerms> terms_;
  std::unique_ptr<RequestStream> request_stream_;
  bool is_counted_ = false;                      // among the open streams
  bool is_present_ = false;                      // presence counts the subscription
  bool reads_later_ = false;                     // the loop has it among its readers
  StreamEnd end_reason_ = StreamEnd::kFinished;  // of a subscription that ends in order
};

}  // namespace millrace
