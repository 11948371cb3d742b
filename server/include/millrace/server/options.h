// ServerOptions: what a Server can be told when it is made. Every default is safe on a machine that others can reach.
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

namespace millrace {

class Authorizer;

/// What a power cut may cost of what a store has acknowledged. A program that ends, however it does, costs nothing.
enum class StoreSync : std::uint8_t {
  kFull,    ///< nothing: publishing waits for the disk
  kNormal,  ///< the events of the last moments
};

/// How much a store keeps; the oldest events go first. Without a value there is no bound.
struct StoreBounds {
  std::optional<std::uint64_t> events = {};
  std::optional<std::uint64_t> bytes = kStoreBytes;  ///< that they take on the disk
  std::optional<Duration> age = {};
};

struct ServerOptions {
  struct Threads {
    /// Threads that run request handlers. Event streams and idle connections need none of them. More where handlers
    /// wait for something, such as a database.
    std::size_t workers = 8;

    /// Event loops, each with a thread of its own. Without a value: one a core. Fewer where the machine has other work.
    std::optional<std::size_t> loops = {};

    /// Hands events to the system through io_uring where it has it, many sockets in one call. Otherwise each socket
    /// takes a call of its own.
    bool io_uring = true;

    /// Most workers that may be reading request bodies which the event loop cannot collect: those of unknown length,
    /// and those larger than kMaxBufferedBodyBytes. Others of the kind wait (503 beyond kMaxWaitingUploads). Without a
    /// value: half of the workers.
    std::optional<std::size_t> max_uploads = {};

    /// Most workers that may be waiting for clients to take their responses, as far as these are larger than
    /// kMaxBufferedResponseBytes. Where one more has to wait, the client that has taken least for the time is cut.
    /// Without a value: a quarter of the workers, so that both kinds together leave some for others, from three workers
    /// on.
    std::optional<std::size_t> max_downloads = {};
  };

  /// What the log keeps in memory for clients that resume. The oldest events go first.
  struct History {
    std::size_t events = kHistoryEvents;
    std::size_t bytes = kHistoryBytes;  ///< of events as they are encoded

    /// How long the log keeps an event. Without a value: as long as it fits.
    std::optional<Duration> age = {};
  };

  struct Streams {
    /// The reconnection time each event stream begins with.
    Duration retry = kDefaultReconnectionTime;

    /// An event stream that has been quiet this long gets a heartbeat. Shorter where something on the way closes
    /// connections that are quiet.
    Duration heartbeat = kHeartbeatInterval;

    /// An event stream whose client's machine has owed a sign of life this long is closed. One that answers, but whose
    /// program does not read, stays open.
    Duration unacknowledged_timeout = kUnacknowledgedTimeout;

    /// How the cursor comes to subscribers that do not say by `cursor=id`, `cursor=event` or `cursor=none` in the
    /// query.
    CursorForm cursor = CursorForm::kEvent;

    /// Compresses subscriptions for clients that take gzip, each event once for all of them. Leave it off where an
    /// event holds a secret beside text of other people's making, who could see its size: that tells what the two have
    /// in common. An event that has been compressed takes up to twice its share of the history's memory.
    bool gzip = false;

    /// Reports the listeners of a topic, and those that come and go, as events of type `millrace.presence` on the topic
    /// `millrace.presence/<topic>`, to those the authorizer lets subscribe to it. They are a state of this server's,
    /// which takes at most kPresenceBytes: neither the history nor the store keeps them. [docs/protocol.md, "Presence"]
    bool presence = false;

    /// Most bytes of events that have left the log, but that clients which read slowly have been sent a part of. Beyond
    /// it the streams of those furthest behind are cut: they reconnect, and resume by their last event IDs.
    std::size_t max_pinned_bytes = kMaxPinnedBytes;
  };

  struct Http {
    /// Host names (lower case, no port) under which Millrace's own routes may be reached; others are answered 421.
    /// Without one, any name will do, except on a server that listens on a loopback address: that one goes by
    /// `localhost`, 127.0.0.0/8, `[::1]` and what is listed, since a web page can make its own name point there.
    std::vector<std::string> allowed_hosts = {};

    /// Time until a request's head must be whole (408), and then its body as far as the event loop collects it.
    Duration head_deadline = kRequestHeadDeadline;
    Duration body_deadline = kRequestBodyDeadline;

    /// Largest request head, in bytes (431).
    std::size_t max_head_bytes = kMaxRequestHeadBytes;

    /// Largest body of any request, in bytes, as it is sent and as it is once decoded (413). For single requests it is
    /// raised by Server::allow_body(); httplib::Server::set_payload_max_length() takes its place.
    std::uint64_t max_body_bytes = kMaxBodyBytes;

    /// Most bytes of requests that are coming in and of responses that clients have not taken yet, on all connections
    /// together; kUncountedBufferBytes of each do not count. Beyond it requests are refused (503), and workers wait
    /// until their responses have been taken.
    std::size_t max_buffered_bytes = kMaxBufferedBytes;
  };

  /// What one client, or all of them, may have at once.
  struct Shares {
    /// Most connections at once (503).
    std::size_t max_connections = kMaxConnections;

    /// Most connections from one client address (429), an IPv6 /64 counting as one. Without a value: no bound, as
    /// behind a proxy, whose address they all come from.
    std::optional<std::size_t> max_connections_per_address = kMaxConnectionsPerAddress;

    /// Most event streams that one user, whom the authorizer knows, may have open through events routes (429). Without
    /// a value: no bound.
    std::optional<std::size_t> max_streams_per_user = kMaxStreamsPerUser;
  };

  /// `POST` on events routes. The program itself publishes through hub().
  struct Publishing {
    /// Without an authorizer: lets anyone who reaches the port publish, and administer. Otherwise nobody but the
    /// program itself does.
    bool anonymous = false;

    /// Largest body of a publish request, in bytes (413). Where it is larger than http.max_body_bytes, publish requests
    /// have it.
    std::size_t max_bytes = kMaxPublishBytes;

    /// Events a second that one publisher (a user or key the authorizer knows, else a network: an IPv4 address or an
    /// IPv6 /64) may publish on average (429), greater than 0. Without a value: no bound.
    std::optional<double> rate = {};

    /// With a rate: how many events at once. Without a value: a second's worth.
    std::optional<std::size_t> burst = {};
  };

  /// Web pages of other origins.
  struct Cors {
    /// Origins of web pages that may use the events routes of another origin, such as `https://app.example`, with
    /// cookies or without; `*` lets every page in, but without cookies. A page of an origin that is neither listed nor
    /// the server's own can neither read a stream nor publish.
    std::vector<std::string> origins = {};

    /// Request headers that pages of these origins may send beyond `Authorization`, `Cache-Control`, `Content-Type` and
    /// `Last-Event-ID`: for an authorizer of your own that reads others.
    std::vector<std::string> headers = {};
  };

  /// Where events outlive the program.
  struct Store {
    /// `sqlite:PATH`, a file that is made if there is none; or
    /// `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT][,HOST[:PORT]…][/STREAM]` (`tls://` likewise), a stream of NATS
    /// JetStream (by default `millrace`), which any number of servers may share. Empty: events are in memory alone.
    /// With a store, `history` is what of it is in memory.
    std::string address = {};
    StoreSync sync = StoreSync::kFull;
    StoreBounds bounds = {};

    /// Of a stream of JetStream: how many of its servers keep each event. Without a value: as many as do, which for a
    /// new one is one.
    std::optional<std::size_t> replicas = {};
    /// Likewise: file with the credentials that JetStream wants. Empty: none, or those in its address.
    std::string credentials = {};
  };

  Threads threads = {};
  History history = {};
  Streams streams = {};
  Http http = {};
  Shares shares = {};
  Publishing publishing = {};
  Cors cors = {};
  Store store = {};

  /// Decides who may subscribe, publish and administer. Without one anybody subscribes, and publishing.anonymous says
  /// whether anybody publishes and administers.
  std::shared_ptr<const Authorizer> authorizer = nullptr;

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

  /// What those who run the server call an option, given its name in C++ (such as `ServerOptions::cors.origins`); empty
  /// for one that they do not have. Refusals that name an option then say that. Without: the name in C++. Any thread.
  std::function<std::string(std::string_view option)> option_name = nullptr;
};

}  // namespace millrace
