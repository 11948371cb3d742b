// StreamSide: a connection as an event stream: a subscription to the hub, or a request-scoped stream.
//
// It is a base class of its Connection, so that it needs no pointer to it: a server has very many of them. The loop's
// thread.
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

#include "access_entry.h"
#include "hub/presence.h"
#include "hub/webhook_sender.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/subscription.h"
#include "shares/quota.h"
#include "shares/who.h"
#include "signs_of_life.h"
#include "stream/event_stream_state.h"
#include "stream/subscriber.h"
#include "stream_right.h"
#include "tls/tls_channel.h"
#include "topic_change.h"

namespace millrace {

class Connection;
class ConnectionLoop;
class RequestStream;

/// A subscription's properties besides its filter.
struct StreamTerms {
  std::string user;
  std::string note = {};  ///< what presence reports with it, as JSON
  std::optional<TimePoint> ends_at;
  std::optional<Duration> retry;
  std::function<void(StreamEnd)> on_close;
  std::shared_ptr<Presence::Watch> watch = nullptr;  ///< null unless the client subscribes to presence events
  StreamRightPtr right = nullptr;                    ///< null unless an authorizer must be asked again
  bool is_changeable = false;                        ///< the client may change the topics, by the stream's name
  std::uint64_t opening = 0;                         ///< its number among the openings of all such streams
  std::optional<TimePoint> next_interval = {};       ///< for a subscriber that gets events at intervals
  TimePoint looks_at{};      ///< for such a subscriber: when its timer is due for everything else
  std::string address = {};  ///< the client's behind a proxy; empty: the socket's other end
  std::shared_ptr<Quota::Share> address_share = nullptr;  ///< share of that client's quota
  AccessEntryPtr access = nullptr;                        ///< null without ServerOptions::on_access
  std::shared_ptr<const std::string> traceparent = {};    ///< of the request, until it has been reported; mostly null

  bool is_needed() const {
    return ends_at || retry || on_close != nullptr || !user.empty() || right != nullptr || is_changeable ||
           !note.empty() || !address.empty() || access != nullptr || traceparent != nullptr;
  }
};

class StreamSide : public Subscriber::Outlet {
 public:
  StreamSide(const StreamSide&) = delete;
  StreamSide& operator=(const StreamSide&) = delete;

  /// Turns the connection into a subscription or a request-scoped stream; `head` is the response's head.
  void subscribe(std::string_view head, Subscriber::Subscription subscription, const Feed::Cursor& cursor,
                 std::string_view last_event_id, StreamTerms terms);
  void open(std::string_view head, std::shared_ptr<EventStream::State> state, StreamTerms terms);

  void on_ready(std::uint32_t events);
  void on_timer(TimePoint now);

  /// The stream is over, for any reason: runs the callbacks that wait for the end.
  void leave(StreamEnd reason);
  /// Sets the end in the access record; without it, leave() derives the end from its reason. Call it before the stream
  /// ends.
  void note_end(AccessEnd end);
  /// Stops counting it as an open stream. A stream that has ended counts until its last bytes are written or dropped.
  void stop_counting();
  /// Whether the connection is, or was, a stream that clear() has not removed yet.
  bool has_stream() const { return subscriber_ != nullptr || request_stream_ != nullptr; }
  /// Removes what is left of a stream that has ended: the connection goes on with another request. Not while the loop
  /// serves subscribers, which may be this one.
  void clear();

  // For a subscription -----------------------------------------------------------------------------------------------

  /// Ends it; the client should reconnect after `retry`.
  void retire(Duration retry, StreamEnd reason, AccessEnd noted);
  /// Ends it for good: the client should not reconnect. A client that does not read now learns this when it reads.
  void dismiss();
  /// Lets its subscriber read on from the log; called when its turn has come.
  void read_on();
  /// Gives its subscriber the page that read_stored() requested.
  void take_stored(const Feed::Page& page);
  /// Gives its subscriber new presence events. `is_news`: they end a poll.
  void tell_presence(bool is_news = true);
  /// Takes the system's result (bytes taken, or a negated errno) after the loop has sent `chunks`, the bytes of
  /// `frames`. Returns the bytes taken.
  std::size_t take_result(std::span<const FramePtr> frames, std::string_view chunks, ssize_t result);
  /// Likewise, if the loop has sent `sealed`.
  std::size_t take_sealed_result(std::span<const FramePtr> frames, std::string_view chunks,
                                 const TlsChannel::Sealed& sealed, ssize_t result);

  /// Gives it other topics. False: it does not have the topics any more that it is to have.
  bool change_topics(const TopicChange& change);
  /// As its client may see it.
  NamedStream named() const;

  bool is_client(std::string_view client) const { return subscriber_->client() == client; }
  bool is_selected(const StreamSelection& selection) const;
  /// The right that opened it; null if no authorizer must be asked again.
  StreamRightPtr right() const { return terms_ != nullptr ? terms_->right : nullptr; }
  /// Applies the authorizer's new decision.
  void settle_right(const Authorizer::Decision& decision);
  SubscriptionInfo info() const;
  Duration reconnection_time() const;

  Connection& connection();
  const Connection& connection() const;
  bool reads_later() const { return reads_later_; }
  /// Sets whether the loop has it among its readers; returns the previous value.
  bool set_reads_later(bool reads_later) {
    const bool previous = reads_later_;
    reads_later_ = reads_later;
    return previous;
  }

 protected:
  StreamSide();
  ~StreamSide();
  /// Removes the subscriber from the loop's table.
  void forget();

 private:
  ConnectionLoop& loop() const;
  bool is_open() const;
  void begin();
  void watch_presence();
  void file_anew(const TopicChange& change);
  void renew_right(const TopicChange& change);
  StreamName name() const;
  Presence::Listener listener() const;
  std::string_view note() const;
  std::string client_address() const;
  void tell_begun();
  WebhookSender::Client client_for_webhooks() const;
  Who holder() const;
  void begin_intervals();
  bool end_interval(TimePoint now);
  void end_access(StreamEnd reason);
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
  void on_read(std::uint64_t behind) override;

  std::unique_ptr<Subscriber> subscriber_;
  TimePoint opened_at_{};
  TimePoint heartbeat_at_{};  // unless something is written earlier
  SignsOfLife client_;
  std::unique_ptr<StreamTerms> terms_;
  std::unique_ptr<RequestStream> request_stream_;
  std::uint32_t stored_ticket_ = 0;              // of the subscriber's request to the store
  bool is_counted_ : 1 = false;                  // as an open stream
  bool is_present_ : 1 = false;                  // as a listener, by presence
  bool is_told_ : 1 = false;                     // reported by a webhook
  bool reads_later_ : 1 = false;                 // it is among the loop's readers
  StreamEnd end_reason_ = StreamEnd::kFinished;  // for a subscription that ends in order
};

}  // namespace millrace
