// Server: an httplib::Server with event streams that occupy no thread.
//
// Everything of cpp-httplib's server works as its documentation says: routes, mounts, handlers, loggers, listen() and
// stop(). Connections wait on epoll event loops and use a worker thread only while a handler runs. Configure the server
// before listen(), which blocks. Any thread may call everything else.
//
// Handlers and stream callbacks run on worker threads; once the workers of a stopping server have ended, callbacks run
// on the thread of listen(). None runs under a lock, so they may call everything of the server, stop() included, except
// the destructor. Their exceptions go to ServerOptions::on_failure. (A content provider's resource releaser must not
// throw: cpp-httplib calls it in a destructor.) stop() does not wait: listen() returns when all running handlers and
// callbacks have returned, all streams are closed, and their callbacks have run.
//
//   millrace::Server server;
//   server.events("/events");                                    // GET subscribes, POST publishes
//   server.hub().publish("orders", {.data = "hello"}).or_throw();
//   server.listen("127.0.0.1", 8080);
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/built_with.h"
#include "millrace/server/event_stream.h"
#include "millrace/server/guarded_route.h"
#include "millrace/server/hub.h"
#include "millrace/server/metrics_format.h"
#include "millrace/server/options.h"
#include "millrace/server/sending_ways.h"
#include "millrace/server/subscription.h"

namespace millrace {

class Engine;

/// An httplib::Server with event streams.
class Server : public httplib::Server {
 public:
  /// Throws InvalidOption if an option is invalid, and StoreUnavailable if the store cannot be opened; the message
  /// names it. Leave out `compiled_with`: with it the linker compares the program's cpp-httplib with the library's.
  explicit Server(const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});
  /// A second server on the log of `log_of`, for example on a private port with other rights: what is published on one
  /// reaches the subscribers of both, with the same IDs. ServerOptions::history, store and publishing.durability are
  /// those of `log_of`, which must live until this server has been destroyed; streams, limits and metrics are its own.
  /// Throws InvalidOption if an option is invalid, or if `options` has a store.
  ///
  ///   millrace::Server inside(server, {.publishing = {.anonymous = true}});
  ///   inside.events("/events");
  ///   inside.listen("10.0.0.1", 8081);
  Server(Server& log_of, const ServerOptions& options, built_with::ThisCppHttplib compiled_with = {});
  /// Stops the server if it runs, and waits for a listen() that runs on another thread. Called in one of the server's
  /// own handlers or callbacks, it would wait for itself: it ends the program with a message instead.
  ~Server() override;

  /// The hub that publishes events. Any thread; it lives as long as the server.
  Hub& hub();

  /// Adds routes for event streams at `path`: `GET` subscribes to the topics of the query, `POST` publishes JSON.
  /// Beside them, `POST` of `subscriptions/{client}` changes the topics of an open stream. [docs/protocol.md]
  Server& events(const std::string& path);

  /// Adds routes for operators: `/healthz`, `/readyz` (503 while draining, and while the store accepts no events),
  /// `/metrics` (501 without ServerOptions::metrics), and, if the authorizer allows Action::kAdminister,
  /// `/subscriptions` and `/subscriptions/disconnect`. [docs/operations.md]
  Server& operations();

  /// Adds only `/healthz` and `/readyz`, for a server whose other operator routes are elsewhere.
  Server& health();

  /// Adds this server's operations() routes to `other`, on a port or Unix socket that only administrators can reach.
  /// The options of `other` decide which clients may use them. This server must live until `other` has stopped.
  Server& operations_at(Server& other);

  /// Adds a route of yours with Millrace's access checks. Throws std::invalid_argument if its method is not allowed, or
  /// if it does not have exactly one handler.
  Server& guarded(GuardedRoute route);

  /// Checks a request as guarded() does, except its rights: for handlers that run before routing. If it refuses the
  /// request, it answers the client and returns false.
  bool admits(const httplib::Request& request, httplib::Response& response) const;

  /// Method and path of each guarded route, including those of events() and operations(), in the order in which they
  /// were added; without OPTIONS, which browsers use for preflight requests.
  std::vector<std::pair<std::string, std::string>> guarded_routes() const;

  /// Turns the response into an event stream on the hub, as `GET` on an events route does, from the request's last
  /// event ID on; or answers why it opens no stream. Call it once, in a handler, which must check rights first. Throws
  /// std::invalid_argument if an option is out of range, and std::logic_error if called elsewhere.
  Subscribed subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options);

  /// Turns the response into an event stream and sends its head: status 200, with the headers that `response` has at
  /// this moment. Call it once, in a handler; later changes of `response` have no effect. For HEAD it sends only the
  /// head, and the stream is closed from the beginning. So it is for a client behind a trusted proxy whose address has
  /// as many streams as allowed: the answer is 429. Throws std::logic_error if called elsewhere, or before the
  /// request's body has been read.
  EventStream open_stream(const httplib::Request& request, httplib::Response& response);

  /// Allows this request's body up to `max_bytes`, as sent and as decoded, instead of
  /// ServerOptions::http.max_body_bytes. Call it in a handler that reads its body in pieces (httplib::ContentReader),
  /// before it reads: such a handler decides how much of the body it holds. Throws std::logic_error if called
  /// elsewhere.
  ///
  ///   server.Put("/videos", [&](const auto& request, auto& response, const httplib::ContentReader& read) {
  ///     server.allow_body(request, 4'000'000'000);
  ///     read([&](const char* data, std::size_t size) { return file.write(data, size).good(); });
  ///   });
  void allow_body(const httplib::Request& request, std::uint64_t max_bytes);

  /// Cuts the event streams with this `client` name without ending them, so that their clients resume. Returns the
  /// number of streams. Waits 3 seconds at most: an event loop that is stuck cuts its streams when it goes on, and they
  /// are not counted.
  std::size_t disconnect(std::string_view client);

  /// Ends the selected event streams in order, each with a random reconnection time from the usual one to twice that.
  /// The clients reconnect, and the server then checks their rights. `farewell` makes them reconnect later, or never. A
  /// client that does not read is cut; with `for_good`, it gets the farewell when it reads again. Returns the
  /// number of streams, like the function above. Must not be called in a callback of an EventStream. Throws
  /// std::invalid_argument if the time is out of range, or combined with `for_good`.
  ///
  ///   server.disconnect({.user = "ada"});                      // reconnects in a moment
  ///   server.disconnect({.client = "tv-7"}, {.retry = 60s});   // in one or two minutes
  ///   server.disconnect({.user = "eve"}, {.for_good = true});  // never
  std::size_t disconnect(const StreamSelection& selection, const Farewell& farewell = {});

  /// Ends all event streams on the hub, each with a random reconnection time from the usual one to that plus `window`,
  /// and answers new subscriptions with 503, so that the clients reconnect later, spread out, or elsewhere. The server
  /// serves other requests until stop(). Throws std::invalid_argument if `window` is negative.
  void drain(Duration window);

  /// The event streams on the hub, in any order. Waits 3 seconds at most: without those of an event loop that is stuck.
  /// metrics() counts such loops in `millrace_silent_loops`.
  std::vector<SubscriptionInfo> subscriptions() const;

  /// Like the functions of httplib::Server that these hide; they also run the event loops. `new_task_queue` creates the
  /// workers; its enqueue() must not block, throw or run the task. Also returns false while another listen() is
  /// running.
  bool listen(const std::string& host, int port, int socket_flags = 0);
  /// The same after bind_to_port() or bind_to_any_port().
  bool listen_after_bind();

  /// Instead of bind_to_port(): the server accepts from a TCP socket that listens already, for example one that a
  /// service manager has made and continues to use. The server owns the descriptor, but never shuts the socket down: it
  /// stops accepting when it drains or stops, and connections wait for the next program that accepts. Call it before
  /// listen_after_bind(), once. Throws std::invalid_argument if it is not a listening TCP socket.
  void bind_to_socket(int listening_socket);

  /// Ends a running listen() and returns at once. Does nothing if no listen() is running. Any thread, any number of
  /// times, also in handlers and callbacks.
  void stop() noexcept;

  /// Likewise, but lets the event streams end first: drains as drain(`window`) does, and ends listen() when all
  /// streams, including the request-scoped ones, and the requests in progress, which may open some, are gone; at the
  /// latest after `window` (at most kMaxReconnectionTime counts). Returns at once; stop() may be called in between. If
  /// no listen() accepts connections yet, the same as stop(). Throws std::invalid_argument if `window` is negative.
  ///
  ///   server.stop(10s);  // on SIGTERM; listen() returns within ten seconds
  void stop(Duration window);

  /// Reads the files of ServerOptions::tls again for new connections; open connections do not change. Throws
  /// InvalidOption if a file is invalid, and then keeps the old ones.
  void reload_tls();

  /// Replaces ServerOptions::cors for requests from now on; open streams continue. Throws InvalidOption, and then keeps
  /// what it had.
  void set_cors(const ServerOptions::Cors& cors);

  /// Replaces ServerOptions::publishing.rate and burst for events from now on. Throws InvalidOption, likewise.
  void set_publish_rate(std::optional<double> rate, std::optional<std::size_t> burst = {});

  /// The options given to the constructor.
  const ServerOptions& options() const;

  /// How the event loops write to sockets; all zeros while the server does not listen.
  SendingWays sending() const;

  /// The figures of `/metrics`, for a program that reports them in its own way.
  std::vector<Metric> metrics() const;

  /// The number of open event streams, including the request-scoped ones.
  std::size_t open_streams() const;

 private:
  friend class Answers;  // it uses the engine, as the server does
  bool process_and_close_socket(socket_t socket) override;
  void set_up(const ServerOptions& options);
  bool serve();

  std::unique_ptr<Engine> engine_;
};

}  // namespace millrace
