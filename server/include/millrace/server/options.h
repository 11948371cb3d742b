// What a Server can be told when it is made. Every default is safe on a machine that others can reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/limits.h"
#include "millrace/core/time.h"
#include "millrace/server/cursor_form.h"

namespace millrace {

class Authorizer;

/// What a power cut may cost of what a store has acknowledged. A program that ends, however it does, costs nothing.
enum class StoreSync : std::uint8_t {
  kFull,    ///< nothing: publishing waits for the disk
  kNormal,  ///< the events of the last moments
};

/// How much a store keeps; the oldest events go first. Zero: no bound.
struct StoreBounds {
  std::uint64_t events = 0;
  std::uint64_t bytes = kStoreBytes;  ///< that they take on the disk
  Duration age{0};
};

struct ServerOptions {
  /// Threads that run request handlers. Event streams and idle connections need none of them.
  std::size_t workers = 8;

  /// Event loops, each with a thread of its own. 0: one a core.
  std::size_t loops = 0;

  /// Hands events to the system through io_uring where it has it, many sockets in one call. Without: a call a socket.
  bool io_uring = true;

  /// Compresses subscriptions for clients that take gzip, each event once for all of them. Leave it off where an event
  /// holds a secret beside text of other people's making, who could see its size: that tells what the two have in
  /// common. An event that has been compressed takes up to twice its share of the history's memory.
  bool gzip = false;

  /// Decides who may subscribe, publish and administer. Without one anybody subscribes, and anonymous_publish
  /// says whether anybody publishes and administers.
  std::shared_ptr<const Authorizer> authorizer = nullptr;

  /// Without an authorizer: lets anyone who reaches the port publish by `POST` on an events route. Otherwise only the
  /// program itself publishes, through hub().
  bool anonymous_publish = false;

  /// Origins of web pages that may use the events routes of another origin, such as `https://app.example`, with cookies
  /// or without; `*` lets every page in, but without cookies. A page of an origin that is not listed, nor the server's
  /// own, can neither read a stream nor publish.
  std::vector<std::string> cors_origins = {};

  /// Request headers that pages of these origins may send beyond `Authorization`, `Cache-Control`, `Content-Type` and
  /// `Last-Event-ID`: for an authorizer of your own that reads others.
  std::vector<std::string> cors_headers = {};

  /// Host names (lower case, no port) under which Millrace's own routes may be reached; others are answered 421. Where
  /// there are none, any name will do, except on a server that listens on a loopback address: that one goes by
  /// `localhost`, 127.0.0.0/8, `[::1]` and what is listed, since a web page can make its own name point there.
  std::vector<std::string> allowed_hosts = {};

  /// Events, and bytes of encoded events, that the log keeps for those who resume. The oldest go first.
  std::size_t history_events = kHistoryEvents;
  std::size_t history_bytes = kHistoryBytes;

  /// How long the log keeps an event. Zero: as long as it fits.
  Duration history_age{0};

  /// Reports the listeners of a topic, and those that come and go, as events of type `millrace.presence` on the topic
  /// `millrace.presence/<topic>`, to those the authorizer lets subscribe to it. They are a state of this server's,
  /// which takes at most kPresenceBytes: neither the history nor the store keeps them. [docs/protocol.md, "Presence"]
  bool presence = false;

  /// The reconnection time each event stream begins with.
  Duration retry = kDefaultReconnectionTime;

  /// How the cursor comes to subscribers that do not say by `cursor=id`, `cursor=event` or `cursor=none` in the query.
  CursorForm cursor = CursorForm::kEvent;

  /// An event stream that has been quiet this long gets a heartbeat.
  Duration heartbeat = kHeartbeatInterval;

  /// An event stream whose client's machine has owed a sign of life this long is dead. One that answers, but whose
  /// program does not read, is not: it may stay.
  Duration unacknowledged_timeout = kUnacknowledgedTimeout;

  /// Time until a request head must be whole (408), and then its body as far as the event loop collects it.
  Duration request_head_deadline = kRequestHeadDeadline;
  Duration request_body_deadline = kRequestBodyDeadline;

  /// Largest request head, in bytes (431).
  std::size_t max_request_head_bytes = kMaxRequestHeadBytes;

  /// Largest body of any request, in bytes, as it is sent and as it is once decoded (413). For single requests it is
  /// raised by Server::allow_body(); httplib::Server::set_payload_max_length() takes its place.
  std::uint64_t max_body_bytes = kMaxBodyBytes;

  /// Largest body of a publish request, in bytes (413). Where it is larger than max_body_bytes, publish requests have
  /// it.
  std::size_t max_publish_bytes = kMaxPublishBytes;

  /// Most bytes of requests that are coming in and of responses that clients have not taken yet, on all connections
  /// together; kUncountedBufferBytes of each do not count. Beyond it requests are refused (503), and workers wait until
  /// their responses have been taken.
  std::size_t max_buffered_bytes = kMaxBufferedBytes;

  /// Most bytes of events that have left the log, but that clients which read slowly have been sent a part of. Beyond
  /// it the streams of those furthest behind are cut: they reconnect, and resume by their last event IDs.
  std::size_t max_pinned_bytes = kMaxPinnedBytes;

  /// Most connections at once (503), and from one client address, an IPv6 /64 counting as one (429; 0: no bound).
  /// Behind a proxy all come from its address.
  std::size_t max_connections = kMaxConnections;
  std::size_t max_connections_per_address = kMaxConnectionsPerAddress;

  /// Most event streams that one user, whom the authorizer knows, may have open through events routes (429; 0: no
  /// bound).
  std::size_t max_streams_per_user = kMaxStreamsPerUser;

  /// Events a second that one publisher (a user or key the authorizer knows, else a network: an IPv4 address or an IPv6
  /// /64) may publish by `POST` on average, and how many at once (429). A rate of 0: no bound; a burst of 0: a second's
  /// worth.
  double publish_rate = 0;
  std::size_t publish_burst = 0;

  /// Most workers that may be reading request bodies which the event loop cannot collect: those of unknown length, and
  /// those larger than kMaxBufferedBodyBytes. Others of the kind wait (503 beyond kMaxWaitingUploads). 0: half of them.
  std::size_t max_uploads = 0;

  /// Most workers that may be waiting for clients to take their responses, as far as these are larger than
  /// kMaxBufferedResponseBytes. Where one more has to wait, the client that has taken least for the time is cut. 0: a
  /// quarter of them, so that both kinds together leave some for others, from three workers on.
  std::size_t max_downloads = 0;

  /// Where events outlive the program: `sqlite:PATH`, a file that is made if there is none; or
  /// `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]…][/STREAM]` (`tls://` likewise), a stream of NATS
  /// JetStream (by default `millrace`), which any number of servers may share. Empty: nowhere. The history above is
  /// then what of it is in memory.
  std::string store = {};
  StoreSync store_sync = StoreSync::kFull;
  StoreBounds store_bounds = {};

  /// Of a stream of JetStream: how many of its servers keep each event. 0: as many as do, which for a new one is one.
  std::size_t store_replicas = 0;
  /// Likewise: file with the credentials that JetStream wants. Empty: none, or those in its address.
  std::string store_credentials = {};

  // Callbacks. They run on threads of the server's, never under a lock, and may call the server, stop() included. What
  // they throw goes to on_failure.

  /// Called once a server that has begun to listen accepts connections, on the thread of listen().
  std::function<void()> on_listening = nullptr;

  /// Called when the store begins to refuse events, with a sentence that says why, and when it takes them again, with
  /// an empty one; one call at a time, on a thread of its own. Where it is slow, it is called with what is so by then.
  std::function<void(const std::string& trouble)> on_store_trouble = nullptr;

  /// Called with what an exception says that the program's own code has thrown: a handler (the request's method and
  /// path come before it), which is answered with 500 and no more, or a callback (its name comes before it). Called on
  /// the thread where it was thrown, several at once; must not wait. What it throws itself is dropped. An exception
  /// handler of your own (httplib::Server::set_exception_handler) takes its place for handlers.
  /// Called, too, for connections that begin with another protocol, TLS or HTTP/2, with what to do about them: at most
  /// once in kForeignProtocolNoticeInterval for each protocol.
  std::function<void(const std::string& failure)> on_failure = nullptr;

  /// What those who run the server call an option, given its name in C++ (such as `ServerOptions::cors_origins`); empty
  /// for one that they do not have. Refusals that name an option then say that. Without: the name in C++. Any thread.
  std::function<std::string(std::string_view option)> option_name = nullptr;
};

}  // namespace millrace
