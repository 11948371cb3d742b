// Server: an httplib::Server whose event streams hold no thread.
//
// Everything of cpp-httplib's server works as documented there: routes, mounts, handlers, loggers, listen() and stop().
// Connections wait on epoll event loops; a worker thread is used only while a handler runs. Configure the server before
// listen(), which blocks. Any thread may call everything else.
//
// Handlers and the callbacks of streams run on worker threads; while the server stops and the workers have ended,
// callbacks run on the thread of listen(). None runs under a lock, so all may call the server, stop() included; only
// the destructor must not be called in one. Their exceptions go to ServerOptions::on_failure. (A content provider's
// resource releaser must not throw: cpp-httplib calls it in a destructor.) stop() does not wait: listen() returns when
// the running handlers and callbacks have returned, all streams are closed, and the callbacks of these streams have
// run.
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
  /// names it.
  /// `compiled_with` is for the linker, which compares it with what the library was built with: leave it out.
  explicit Server(const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});
  /// Stops the server if it runs, and waits for a running listen() on another thread. In one of the server's own
  /// handlers or callbacks, which it would wait for, it ends the program with a message.
  ~Server() override;

  /// Where events are published. Any thread; it lives as long as the server.
  Hub& hub();

  /// Adds routes for event streams at `path`: `GET` subscribes to the topics of the query, `POST` publishes JSON.
  /// [docs/protocol.md]
  Server& events(const std::string& path);

  /// Adds routes for operators: `/healthz`, `/readyz` (503 while draining, and while the store accepts no events),
  /// `/metrics` (501 without ServerOptions::metrics), and, if the authorizer allows Action::kAdminister,
  /// `/subscriptions` and `/subscriptions/disconnect`. [docs/operations.md]
  Server& operations();

  /// Adds a route of yours with Millrace's access checks. Throws std::invalid_argument if its method is not allowed, or
  /// if it does not have exactly one handler.
  Server& guarded(GuardedRoute route);

  /// Checks a request as guarded() does, except for rights: for handlers that run before routing. Returns false if it
  /// has refused and answered the request.
  bool admits(const httplib::Request& request, httplib::Response& response) const;

  /// Method and path of each guarded route, including those of events() and operations(), in the order in which they
  /// were added; without OPTIONS, which browsers use for preflight requests.
  std::vector<std::pair<std::string, std::string>> guarded_routes() const;

  /// Makes the response an event stream on the hub, as `GET` on an events route does, from the request's last event ID
  /// on; or answers why there is no stream. Call it once, in a handler; the caller must check rights. Throws
  /// std::invalid_argument if an option is out of range, and std::logic_error if called elsewhere.
  Subscribed subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options);

  /// Turns the response to the request being handled into an event stream and sends its head: status 200, with the
  /// headers `response` has by now. To be called in a handler, once; what the handler does with `response` afterwards
  /// has no effect. To HEAD only the head is sent, and the stream is closed from the beginning. Throws std::logic_error
  /// if called elsewhere or while the request's body has not been read.
  EventStream open_stream(const httplib::Request& request, httplib::Response& response);

  /// Lets the body of this request have `max_bytes`, as it is sent and as it is once decoded, in place of
  /// ServerOptions::http.max_body_bytes. To be called in a handler that reads its body in pieces
  /// (httplib::ContentReader), before it reads: such a handler holds no more of the body than it wants to. Throws
  /// std::logic_error if called elsewhere.
  ///
  ///   server.Put("/videos", [&](const auto& request, auto& response, const httplib::ContentReader& read) {
  ///     server.allow_body(request, 4'000'000'000);
  ///     read([&](const char* data, std::size_t size) { return file.write(data, size).good(); });
  ///   });
  void allow_body(const httplib::Request& request, std::uint64_t max_bytes);

  /// Cuts the event streams with this `client` name without ending them: their clients will resume. Returns the number
  /// of streams.
  std::size_t disconnect(std::string_view client);

  /// Ends the event streams that are selected, in order, each with a reconnection time drawn from the usual one to
  /// twice that. The clients come back, and are then asked for their rights. Returns how many there were. Not to be
  /// called from a callback of an EventStream.
  std::size_t disconnect(const StreamSelection& selection);

  /// Ends all event streams on the hub, each with a reconnection time drawn from the usual one to that plus `window`,
  /// and answers new ones with 503, so that the clients come back later, spread out, or elsewhere. Other requests are
  /// served until stop(). Throws std::invalid_argument if `window` is negative.
  void drain(Duration window);

  /// The event streams on the hub, in any order.
  std::vector<SubscriptionInfo> subscriptions() const;

  /// Like those of httplib::Server, which they hide; they also run the event loops. `new_task_queue` creates the
  /// workers; its enqueue() must neither block, throw, nor run the task. Also false while another listen() is running.
  bool listen(const std::string& host, int port, int socket_flags = 0);
  /// The same after bind_to_port() or bind_to_any_port().
  bool listen_after_bind();

  /// Ends a running listen() at any point; returns at once. Does nothing if none is running. Any thread, any number of
  /// times, also in handlers and callbacks.
  void stop() noexcept;

  /// Likewise, but lets the event streams end first: drains as by drain(`window`), and ends listen() once all streams,
  /// the request-scoped ones included, are gone, at the latest after `window` (of which kMaxReconnectionTime counts).
  /// Returns at once, as stop() does, which may be called in between. If there is no listen() that accepts connections
  /// yet, the same as stop(). Throws std::invalid_argument if `window` is negative.
  ///
  ///   server.stop(10s);  // on SIGTERM; the thread of listen() goes on within ten seconds
  void stop(Duration window);

  /// Reads the files of ServerOptions::tls again, for connections that are made from here on; those that are open stay
  /// as they are. Throws InvalidOption if one is not valid, and then keeps what it had.
  void reload_tls();

  /// What it was made with.
  const ServerOptions& options() const;

  /// How the event loops write to sockets; all zero while the server does not listen.
  SendingWays sending() const;

  /// What `/metrics` shows, for a program with its own way of reporting it.
  std::vector<Metric> metrics() const;

  /// The number of open event streams, including the request-scoped ones.
  std::size_t open_streams() const;

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool serve();

  std::unique_ptr<Engine> engine_;
};

}  // namespace millrace
