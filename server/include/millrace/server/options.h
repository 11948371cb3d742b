// ServerOptions: the options of a Server. Every default is safe on a machine that others can reach.
//
//   millrace::Server server({.history = {.age = 24h}, .cors = {.origins = {"https://app.example"}}});
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"
#include "millrace/server/cursor_form.h"
#include "millrace/server/durability.h"
#include "millrace/server/limits.h"
#include "millrace/server/proxy_field.h"
#include "millrace/server/server_tls.h"
#include "millrace/server/topic_patterns.h"
#include "millrace/server/webhooks.h"

namespace millrace {

class Authorizer;
class EventStore;
class MetricsFormat;
struct AccessRecord;
struct StoreStatus;

/// Options of a Server. Its constructor throws InvalidOption for a value that is out of range.
struct ServerOptions {
  /// Worker threads and event loops.
  struct Threads {
    /// Threads that run request handlers. Event streams and idle connections need no worker. Use more if handlers wait,
    /// for example for a database.
    std::size_t workers = 8;

    /// Event loops, each with its own thread. Without a value: one per core. Use fewer if the machine has other work.
    std::optional<std::size_t> loops = {};

    /// Sends events through io_uring, if the system has it: one call for many sockets. Otherwise each socket needs its
    /// own call.
    bool io_uring = true;

    /// Most workers that may read request bodies that the event loop does not collect: bodies of unknown length, and
    /// bodies larger than kMaxBufferedBodyBytes. Further such requests wait (503 beyond kMaxWaitingUploads). Without a
    /// value: half of the workers.
    std::optional<std::size_t> max_uploads = {};

    /// Most workers that may wait for clients to read responses larger than kMaxBufferedResponseBytes. If one more must
    /// wait, the server cuts the slowest of these clients. Without a value: a quarter of the workers. From three
    /// workers on, both kinds together leave some workers for other requests.
    std::optional<std::size_t> max_downloads = {};
  };

  /// What the log keeps in memory for clients that resume. It removes the oldest events first.
  struct History {
    std::size_t events = kHistoryEvents;  ///< most events
    std::size_t bytes = kHistoryBytes;    ///< of encoded events

    /// How long the log keeps an event. Without a value: as long as it fits.
    std::optional<Duration> age = {};

    /// Topics whose events are retained: the newest event of each outlives the log's bounds until the topic is
    /// finished. A publisher can also request it for an event. [docs/protocol.md, "Retained topics"]
    TopicPatterns retain = {};

    /// Most topics with a retained event; beyond it the server refuses to publish (507). For the log in memory; a store
    /// has bounds of its own.
    std::size_t max_retained_topics = kMaxRetainedTopics;

    /// Most bytes of retained events, with their topics and IDs; beyond it the same happens.
    std::size_t max_retained_bytes = kMaxRetainedBytes;

    /// Most topics with a retained event of one publisher (507), so that others can still retain some. A publisher is
    /// as with publishing.rate; the program's own events do not count. Without a value: half of max_retained_topics.
    /// Counts what has been published through this server since its start, and nothing if servers share the store.
    std::optional<std::size_t> max_retained_topics_per_publisher = {};

    /// Most bytes of these events of one publisher; beyond it the same happens. Without a value: half of
    /// max_retained_bytes.
    std::optional<std::size_t> max_retained_bytes_per_publisher = {};
  };

  /// Event streams of all routes.
  struct Streams {
    /// The reconnection time at the beginning of each event stream.
    Duration retry = kDefaultReconnectionTime;

    /// The server sends a heartbeat on an event stream that has been quiet this long. Use less if a proxy closes quiet
    /// connections earlier.
    Duration heartbeat = kHeartbeatInterval;

    /// The server closes an event stream whose client's machine has owed an acknowledgement for this long. A client
    /// whose program does not read, but whose machine answers, stays connected.
    Duration unacknowledged_timeout = kUnacknowledgedTimeout;

    /// The form of the cursor for subscribers whose query has no `cursor=id`, `cursor=event` or `cursor=none`.
    CursorForm cursor = CursorForm::kEvent;

    /// Compresses subscriptions for clients that accept gzip, each event once for all of them. Leave it off if an event
    /// can contain a secret together with text chosen by someone else who can see its size: the size reveals what the
    /// two have in common. A compressed event takes up to twice its share of the history's memory.
    bool gzip = false;

    /// Reports a topic's listeners, as they join and leave, in events of type `millrace.presence` on the topic
    /// `millrace.presence/<topic>`, to clients that the authorizer lets subscribe to it. Presence is state of this
    /// server alone, at most kPresenceBytes: neither the history nor the store keeps it. [docs/protocol.md, "Presence"]
    bool presence = false;

    /// Most bytes of events that have left the log but that slow clients have only partly received. Beyond it the
    /// server cuts the streams furthest behind; their clients reconnect and resume by their last event IDs.
    std::size_t max_pinned_bytes = kMaxPinnedBytes;
  };

  /// Limits of requests, and the server's names.
  struct Http {
    /// Host names (lower case, without port) under which clients may reach Millrace's own routes; other names get 421.
    /// Without a list, the server accepts any name, except on a loopback address: there it accepts only `localhost`,
    /// 127.0.0.0/8, `[::1]` and listed names, because a web page can point its own name at that address.
    std::vector<std::string> allowed_hosts = {};

    /// Time until a request's head must be complete (408).
    Duration head_deadline = kRequestHeadDeadline;

    /// Time from then until the part of the body that the event loop collects must be complete (408).
    Duration body_deadline = kRequestBodyDeadline;

    /// Largest request head, in bytes (431).
    std::size_t max_head_bytes = kMaxRequestHeadBytes;

    /// Largest body of any request, in bytes, as sent and as decoded (413). Server::allow_body() raises it for one
    /// request; httplib::Server::set_payload_max_length() replaces it.
    std::uint64_t max_body_bytes = kMaxBodyBytes;

    /// Speaks HTTP/2 with clients that ask for it in their TLS handshake (ALPN), or that begin with its preface (prior
    /// knowledge); `Upgrade: h2c` is ignored. An HTTP/2 stream counts as a connection. If false, the server answers a
    /// preface with 505.
    bool http2 = true;

    /// Requests and event streams that a client may have open on one connection of HTTP/2: 1 to kHttp2MaxStreams.
    /// Beyond it the client opens another connection. Lower it if a balancer is to spread the streams of one client.
    std::size_t max_http2_streams = kHttp2MaxStreams;

    /// Most bytes of incoming requests and of responses that clients have not read yet, on all connections together;
    /// kUncountedBufferBytes of each are not counted. Beyond it the server refuses requests (503), and workers wait
    /// until their responses have been read.
    std::size_t max_buffered_bytes = kMaxBufferedBytes;
  };

  /// Limits for one client and for all clients.
  struct Shares {
    /// Most connections at once (503).
    std::size_t max_connections = kMaxConnections;

    /// Most connections from one client address (429); an IPv6 /64 counts as one address. Without a value: no bound,
    /// for a server behind a proxy, where all connections have the proxy's address.
    std::optional<std::size_t> max_connections_per_address = kMaxConnectionsPerAddress;

    /// Most open event streams of one user (429), as the authorizer or SubscribeOptions::user names users, whichever
    /// route or service opens them. Without a value: no bound.
    std::optional<std::size_t> max_streams_per_user = kMaxStreamsPerUser;
  };

  /// `POST` on events routes. The program itself publishes through hub().
  struct Publishing {
    /// Without an authorizer: lets anyone who can reach the port publish and administer. If false, only the program
    /// itself publishes.
    bool anonymous = false;

    /// Largest body of a publish request, in bytes (413). It may be larger than http.max_body_bytes.
    std::size_t max_bytes = kMaxPublishBytes;

    /// Events a second that one publisher may publish on average (429); must be greater than 0. A publisher is a user
    /// or key as the authorizer names it, otherwise a network: an IPv4 address or an IPv6 /64. Without a value: no
    /// bound.
    std::optional<double> rate = {};

    /// With a rate: most events at once. Without a value: as many as in one second.
    std::optional<std::size_t> burst = {};

    /// The level that every acknowledged event must have. The server does not start with a store that promises less,
    /// and refuses events (503) while its store promises less. A single publish may require more.
    Durability durability = Durability::kMemory;
  };

  /// Web pages of other origins.
  struct Cors {
    /// Origins of web pages that may use the events routes, such as `https://app.example`, with or without cookies. `*`
    /// allows every page, but without cookies. A page of another origin can neither read a stream nor publish, unless
    /// the origin is the server's own.
    std::vector<std::string> origins = {};

    /// Request headers that pages of these origins may send besides `Authorization`, `Cache-Control`, `Content-Type`
    /// and `Last-Event-ID`, for an authorizer that reads other headers.
    std::vector<std::string> headers = {};
  };

  /// Proxies in front of the server.
  struct Proxies {
    /// Networks of proxies that the server trusts for a client's address, such as `10.0.0.0/8`. Their connections do
    /// not count against shares.max_connections_per_address; each event stream through them counts as a connection of
    /// its client. Handlers, authorizers, rates, subscriptions() and records have the client's address. List only
    /// proxies that append to the field: any other machine in these networks can claim any address.
    std::vector<std::string> trusted = {};

    /// The field that they append to, or the PROXY protocol.
    ProxyField field = ProxyField::kXForwardedFor;
  };

  /// Workers and event loops.
  Threads threads = {};
  /// The part of the log in memory.
  History history = {};
  /// Event streams.
  Streams streams = {};
  /// Requests and their limits.
  Http http = {};
  /// Bounds on connections and streams.
  Shares shares = {};
  /// Publishing from outside.
  Publishing publishing = {};
  /// Pages of other origins.
  Cors cors = {};
  /// Proxies in front of the server.
  Proxies proxies = {};
  /// TLS on the port. Without a value: clear HTTP, for use behind a proxy or on a trusted network.
  std::optional<ServerTls> tls = {};
  /// Keeps events over a restart: open_sqlite(), open_jetstream() (millrace/server/stores/), or a store of your own
  /// (millrace/server/event_store.h). Null: events are in memory only. With a store, `history` limits the part in
  /// memory. Each server needs its own store.
  std::shared_ptr<EventStore> store = nullptr;

  /// Decides which clients may subscribe, publish and administer. Null: any client may subscribe, and
  /// publishing.anonymous says whether any client may publish and administer.
  std::shared_ptr<const Authorizer> authorizer = nullptr;

  /// The webhooks that the server calls. Without a value: none.
  std::optional<Webhooks> webhooks = {};

  /// The format of `/metrics` of Server::operations(): prometheus_metrics() (millrace/server/metrics/prometheus.h, link
  /// millrace::metrics), or one of your own. Null: `/metrics` answers 501.
  std::shared_ptr<const MetricsFormat> metrics = nullptr;

  // Callbacks. They run on threads of the server, never under a lock, and may call the server, stop() included. Their
  // exceptions go to on_failure.

  /// Called on the thread of listen() when the server accepts connections.
  std::function<void()> on_listening = nullptr;

  /// Called with the store's status when the store begins to refuse events, and when it accepts them again
  /// (millrace/server/event_store.h). One call at a time, on its own thread. If a call is slow, the next call gets the
  /// newest status.
  std::function<void(const StoreStatus&)> on_store_status = nullptr;

  /// Called with the text of an exception from the program's own code: the request's method and path and the text of a
  /// handler's exception (the client gets only 500), or the name of a callback and the text of its exception. Called on
  /// the thread of the exception, several at once; must not wait. Its own exceptions are ignored.
  /// httplib::Server::set_exception_handler() replaces it for handlers.
  std::function<void(const std::string& failure)> on_failure = nullptr;

  /// Called with each answered request and each ended event stream (millrace/server/access_record.h). Called on the
  /// thread of an event loop, several at once; must not wait.
  std::function<void(const AccessRecord&)> on_access = nullptr;

  /// Called for connections that begin with a protocol that the port does not speak (TLS, HTTP/2, or clear text on a
  /// TLS port), with a sentence on what to do: at most once in kForeignProtocolNoticeInterval for each protocol. Called
  /// on the thread of an event loop; must not wait.
  std::function<void(const std::string& notice)> on_foreign_protocol = nullptr;

  /// Returns the program's own name for an option, given the C++ name (such as `ServerOptions::cors.origins`); empty if
  /// the program has no such name. Refusals use the returned name, otherwise the C++ name. Any thread.
  std::function<std::string(std::string_view option)> option_name = nullptr;
};

}  // namespace millrace
