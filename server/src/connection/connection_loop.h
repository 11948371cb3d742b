// ConnectionLoop: an event loop on its own thread, with its connections and subscribers.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "exchange.h"
#include "handshakes.h"
#include "http/cross_origin.h"
#include "http/request_head.h"
#include "http2/http2_session.h"
#include "hub/commit_queue.h"
#include "hub/presence.h"
#include "hub/webhook_sender.h"
#include "log/feed.h"
#include "loop/acceptor.h"
#include "loop/batch_sender.h"
#include "loop/event_loop.h"
#include "loop_commits.h"
#include "millrace/server/options.h"
#include "millrace/server/subscription.h"
#include "mutex.h"
#include "proxied_clients.h"
#include "returned_exchanges.h"
#include "shares/buffer_budget.h"
#include "shares/counters.h"
#include "shares/download_gate.h"
#include "shares/quota.h"
#include "shares/work_budget.h"
#include "stream/subscriber_table.h"
#include "stream_names.h"
#include "stream_right.h"
#include "topic_change.h"

namespace millrace {

/// Events that may wait for a busy event loop. Beyond it the loop's subscribers catch up from the log.
inline constexpr std::size_t kMaxPostedFrames = 16'384;

/// Bytes of events that may wait for a busy event loop; beyond it the same happens as beyond kMaxPostedFrames.
inline constexpr std::size_t kMaxPostedBytes = 32 * 1024 * 1024;

/// Subscribers that a loop writes to before it serves other sockets. With four times as many, requests wait so long
/// that publishing falls behind; with fewer, io_uring saves less.
inline constexpr std::size_t kServedAtOnce = 64;

/// Work on publish requests (publish_work()) that a loop answers itself, before it delivers events: 3 ms or so. The
/// last one may go beyond it.
inline constexpr std::size_t kPublishWorkPerTurn = 128 * 1024;

class Connection;
class Http2Connection;
class StreamSide;

/// What a server's loops share: the counts of connections on all of them, and the names of streams. The caller that
/// gives a connection to a loop counts it; the loop discounts it.
struct ConnectionCounts {
  std::atomic<std::size_t> open = 0;           ///< each HTTP/2 stream counts as one more
  std::atomic<std::size_t> http2_streams = 0;  ///< of the open ones

  /// Open connections without HTTP/2 streams.
  std::size_t connections() const {
    const std::size_t all = open;
    return all - std::min<std::size_t>(all, http2_streams);
  }
  std::atomic<std::size_t> refused = 0;  ///< connections that only get a refusal
  StreamNames names;

  /// Counts one more, unless `max` are counted already. Any thread.
  static bool add_to(std::atomic<std::size_t>& count, std::size_t max) {
    std::size_t seen = count;
    while (seen < max) {
      if (count.compare_exchange_weak(seen, seen + 1)) return true;
    }
    return false;
  }
};

class ConnectionLoop final : private Feed::Sink, private Presence::Sink, private DeliveryWriter {
 public:
  struct Settings {
    ServerOptions options;
    Duration read_timeout;                      ///< for a worker that waits for a request's body
    Duration write_timeout;                     ///< for a response that makes no progress
    Duration keep_alive;                        ///< for an idle connection
    std::size_t max_requests;                   ///< requests on one connection
    RefusalCounters* refusals;                  ///< counts refusals made before a worker gets the request
    Presence* presence;                         ///< null: the server does not report presence
    WebhookSender* webhooks = nullptr;          ///< null: the server calls no webhooks
    CommitQueue* commits = nullptr;             ///< null: the log has no store
    BufferBudget* buffers = nullptr;            ///< memory of all requests and responses; null: no bound
    const CrossOrigin* cross_origin = nullptr;  ///< adds the headers that let web pages read refusals; null: none
    /// Called when a stream has begun with this right, which may have changed since the grant.
    std::function<void(const StreamRightPtr&)> on_begun_by_right = nullptr;
    /// Called when the loop has become drained, see is_drained(). On the loop's thread; must not wait.
    std::function<void()> on_drained = nullptr;
    const TrustedProxies* proxies = nullptr;  ///< null: trusts no proxy
    DownloadGate* downloads = nullptr;        ///< counts responses cut because clients read too slowly
    const TlsContext* tls = nullptr;          ///< null: clear HTTP
    TlsTerms tls_terms = {};
    /// Called for a connection that begins with a protocol that its port does not speak; `client` is its address.
    std::function<void(RefusalReason, const std::string& client)> on_foreign_protocol = nullptr;
    /// Called when an HTTP/2 stream begins: returns its share of the client's quota, or nothing and why.
    std::function<std::optional<Quota::Share>(const sockaddr_storage& peer, RequestError& why_not)> admit_stream =
        nullptr;
    /// Takes a share of the quota of a client behind a proxy; returns nothing if the quota is used up.
    std::function<std::optional<Quota::Share>(const sockaddr_storage& client)> take_address = nullptr;
    /// Returns the response to a client that may not have another connection.
    std::function<std::string(const RequestError&)> answer_refused = nullptr;
    /// Answers a request on the loop's thread. Returns false, without having done anything, if a worker must do it.
    std::function<bool(Exchange&, std::string_view request)> serve_here = nullptr;
  };
  /// Gives a complete request to a worker; must not block.
  using Dispatch = std::function<void(std::shared_ptr<Exchange>)>;
  /// Runs a user's callback on a worker, never on the calling thread; must not block.
  using RunOnWorker = std::function<void(std::function<void()>)>;

  /// Starts the thread. Throws std::system_error if the system refuses a loop or a thread.
  ConnectionLoop(Feed& feed, Settings settings, ConnectionCounts& counts, Dispatch dispatch, RunOnWorker run_on_worker);
  /// Closes all connections and joins the thread. All workers must have finished their exchanges.
  ~ConnectionLoop();

  // Any thread -----------------------------------------------------------------------------------------------------

  /// Accepts connections from a listening socket until stop_accepting(). The socket does not block; the caller owns it.
  void accept_from(int listening_socket, Acceptor::Take take);

  /// The loop accepts nothing after it returns. Waits for the loop, so not on the loop's own thread.
  void stop_accepting();

  /// Takes over an accepted socket; on the loop's own thread at once, otherwise later.
  void adopt(int socket, Quota::Share share);

  /// Takes over an accepted socket, writes `response`, and closes the socket when the client has received it. Likewise.
  void refuse(int socket, std::string response);

  /// Runs `task` on the loop's thread.
  void defer(std::function<void()> task) { loop_.defer(std::move(task)); }

  /// Takes an exchange back from a worker, to finish it later on the loop's thread. Takes no memory.
  void give_back(std::shared_ptr<Exchange> exchange) noexcept { returned_.add(std::move(exchange)); }

  /// The number of its connections, including those on their way to it.
  std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  std::size_t open_streams() const { return open_streams_; }
  /// Whether drain() was called, and no stream is open, no request is with a worker, which could open one, and no
  /// response is being written.
  bool is_drained() const { return is_drained_; }
  const LoopCounters& counters() const { return counters_; }
  bool uses_io_uring() const { return uses_io_uring_.load(std::memory_order_relaxed); }
  /// Why it does not use io_uring although requested; empty if it does.
  const std::string& why_no_io_uring() const { return why_no_io_uring_; }

  // These do not wait: the result is there once the loop has answered. It does what it was asked also if the caller no
  // longer waits.

  /// Cuts the subscribers with this name. The result is their number.
  std::future<std::size_t> disconnect(std::string client);

  /// Ends the selected subscribers. The result is their number.
  std::future<std::size_t> disconnect(StreamSelection selection, Farewell farewell);

  /// The stream of this opening whose client may change its topics; nothing if it has ended.
  std::future<std::optional<NamedStream>> named_stream(StreamName name, std::uint64_t opening);

  /// Gives the stream other topics; false if it is not here, or not as it was.
  std::future<bool> change_topics(TopicChange change);

  /// The rights of its open streams that have one.
  std::future<std::vector<StreamRightPtr>> open_rights();

  /// The subscriptions on this loop.
  std::future<std::vector<SubscriptionInfo>> subscriptions();

  /// The number of subscriptions that are catching up.
  std::future<std::size_t> catching_up();

  /// Ends all present and future subscriptions, each with a reconnection time from the usual one to that plus `window`.
  void drain(Duration window);

  // For connections: the loop's thread -----------------------------------------------------------------------------

  EventLoop& event_loop() { return loop_; }
  /// Whether this is the loop's thread.
  bool is_running_here() const;
  LoopCounters& counters() { return counters_; }
  const Settings& settings() const { return settings_; }
  Feed& feed() { return feed_; }
  SubscriberTable& subscribers() { return subscribers_; }
  StreamNames& names() { return counts_.names; }
  WorkBudget& reading() { return reading_; }
  /// Queues the stream's subscriber to read on from the log.
  void read_later(StreamSide& stream);

  // For connections of HTTP/2.
  Http2Session::SharedDecoder& hpack() { return hpack_; }
  /// Adds the connection of a new HTTP/2 stream, whose share is already counted.
  Connection& add_stream(Http2Connection& carrier, std::uint32_t stream, Quota::Share share);
  /// Sends the connection's sealed output at the end of the turn.
  void send_later(Http2Connection& connection) { to_send_.push_back(&connection); }
  /// Calls its wake() in the next turn.
  void wake_later(Http2Connection& connection) { to_wake_.push_back(&connection); }
  void forget(Http2Connection& connection);
  /// The publish requests that wait for the log's store.
  LoopCommits& commits() { return commits_; }
  /// A reusable buffer that keeps its capacity.
  std::string& spare_output() { return spare_output_; }

  /// The clients of connections that a proxy announces.
  ProxiedClients& proxied_clients() { return proxied_clients_; }

  /// Whether the connection's publish request may be answered in this turn: while there is work left and no other
  /// connection waits, or because the connection has waited. If not, call wait_for_turn().
  bool has_turn(const Connection& connection);
  void wait_for_turn(Connection& connection) { waiting_.push_back(&connection); }
  void forget_waiting(Connection& connection) { std::erase(waiting_, &connection); }
  void spend_turn(std::size_t work) { serving_.spend(work); }

  void dispatch(std::shared_ptr<Exchange> exchange) { dispatch_(std::move(exchange)); }
  bool serve_here(Exchange& exchange, std::string_view request) {
    return settings_.serve_here != nullptr && settings_.serve_here(exchange, request);
  }
  void run_on_worker(std::function<void()> callback) { run_on_worker_(std::move(callback)); }
  /// A random reconnection time from `usual` to `usual + window`.
  Duration random_retry(Duration usual, Duration window);
  void stream_opened() { ++open_streams_; }
  void stream_closed() { --open_streams_; }
  /// A subscription's first bytes are written.
  void stream_started(StreamSide& stream);
  bool is_draining() const { return drain_window_.has_value(); }
  /// A connection begins or ceases to have a request with a worker or a response to write.
  void count_busy(bool begins) { begins ? ++busy_ : --busy_; }

  /// Reports a new subscription to presence. True: it is counted, and left() must follow.
  bool joined(const TopicFilter& filter, const Presence::Listener& listener, std::string_view note);
  void left(const TopicFilter& filter, const Presence::Listener& listener);
  /// Delivers presence events to the stream's subscriber until unwatch_presence().
  void watch_presence(StreamSide& stream) { presence_watchers_.insert(&stream); }
  void unwatch_presence(StreamSide& stream) { presence_watchers_.erase(&stream); }

  /// Makes the feed read on from its store for this stream's subscriber, which gets the page by take_stored(). Returns
  /// a ticket that can cancel the request.
  std::uint32_t read_stored(StreamSide& stream, const Place& place, std::shared_ptr<const TopicFilter> filter);
  void forget_stored(std::uint64_t ticket) { awaiting_.erase(ticket); }

  /// Null without TLS.
  Handshakes* handshakes() { return handshakes_ ? &*handshakes_ : nullptr; }

  /// Deletes the connection when this turn ends.
  void discard(Connection& connection);
  /// The connection's stream has ended, but not the connection: removes the stream when this turn ends.
  void forget_stream(Connection& connection);

 private:
  // Makes presence report after it has collected changes for a while.
  struct PresenceTimer final : TimerWheel::Timer {
    explicit PresenceTimer(ConnectionLoop& of) : loop(of) {}
    void on_timer(TimePoint) override { loop.report_presence(); }
    ConnectionLoop& loop;
  };

  template <typename Call>
  auto ask(Call call);
  void post(const FramePtr& frame) override;
  void post_group(std::span<const FramePtr> frames) override;
  Connection& add(int socket, Quota::Share share);
  void retire(StreamSide& stream, Duration window, AccessEnd noted);
  void go_away();
  void look_whether_drained();
  std::chrono::nanoseconds serve_requests();
  void serve_waiting();
  void read_on();
  void cut_slowest();
  void report_presence_soon();
  void report_presence();
  void on_presence() override;
  void post_page(std::uint64_t ticket, const Feed::PagePtr& page) override;
  static StreamSide& stream_of(const Subscriber& subscriber);
  std::vector<StreamSide*> subscribed_streams() const;
  void run();
  bool end_turn(std::chrono::nanoseconds spent);
  bool has_deliveries() const { return subscribers_.has_more() || !readers_.empty(); }
  bool take_posted();
  void remove_ended();
  bool gathers_more(std::size_t& rounds) const;
  void wake_http2();
  void send_http2();
  void send_http2(std::span<Http2Connection* const> connections);
  void take_result(Http2Connection& connection, ssize_t result);
  void take_sealed_result(Http2Connection& connection, const TlsChannel::Sealed& sealed, ssize_t result);
  void write(std::span<Delivery> deliveries) override;
  std::string_view sealed_if_due(Connection& connection, std::string_view chunks);
  void on_served(const Frame& oldest) override;

  Feed& feed_;
  const Settings settings_;
  ConnectionCounts& counts_;
  const Dispatch dispatch_;
  const RunOnWorker run_on_worker_;
  std::mt19937_64 random_;
  EventLoop loop_;
  LoopCommits commits_{loop_, settings_.commits};
  ReturnedExchanges returned_{loop_};
  PresenceTimer presence_timer_{*this};
  std::optional<Acceptor> acceptor_;
  SubscriberTable subscribers_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> discarded_;
  std::vector<Connection*> ended_;           // their streams have ended
  std::vector<FramePtr> taken_;              // from posted_
  std::deque<Connection*> waiting_;          // connections whose publish requests wait, in order
  const Connection* next_ = nullptr;         // of these, the one that has its turn
  WorkBudget serving_{kPublishWorkPerTurn};  // of this turn
  std::deque<StreamSide*> readers_;          // streams that read from the log, in turn
  WorkBudget reading_;                       // of this turn
  TimePoint looked_for_pinned_at_{};         // when it last found too little to cut
  std::unordered_set<StreamSide*> presence_watchers_;
  ProxiedClients proxied_clients_;
  std::string why_no_io_uring_;
  const std::unique_ptr<BatchSender> sender_;
  std::atomic<bool> uses_io_uring_;
  std::vector<BatchSender::Send> sends_;    // of the current write()
  std::vector<TlsChannel::Sealed> sealed_;  // likewise: what is sent, if it is sealed
  std::string records_;                     // likewise: the bytes of the records
  std::optional<Handshakes> handshakes_;    // nothing without TLS
  std::size_t written_ = 0;                 // sockets written to by write() in this turn
  Http2Session::SharedDecoder hpack_;
  std::vector<Http2Connection*> to_send_;
  std::vector<Http2Connection*> to_wake_;
  std::string spare_output_;
  std::optional<Duration> drain_window_;  // set by drain()
  std::size_t busy_ = 0;                  // connections with a request with a worker, or a response to write
  bool takes_posted_soon_ = false;        // only on the loop's thread: this turn will take the posted frames
  std::unordered_map<std::uint64_t, StreamSide*> awaiting_;  // streams that wait for a page of the store, by ticket
  std::uint32_t last_ticket_ = 0;
  std::atomic<std::size_t> load_ = 0;
  std::atomic<std::size_t> open_streams_ = 0;
  std::atomic<bool> is_drained_ = false;
  LoopCounters counters_;

  Mutex mutex_;
  std::vector<FramePtr> posted_ GUARDED_BY(mutex_);  // at most kMaxPostedFrames
  std::size_t posted_bytes_ GUARDED_BY(mutex_) = 0;  // at most kMaxPostedBytes plus one frame
  bool has_missed_frames_ GUARDED_BY(mutex_) =
      false;  // the bound was reached: the subscribers read the frames from the log

  std::thread thread_;
};

}  // namespace millrace
