// Server: an httplib::Server whose event streams cost no thread.
//
// Everything of cpp-httplib's server works as documented there: routes, mounts, handlers, loggers, listen() and stop().
// Underneath, connections wait on epoll event loops; a worker thread is taken only while a handler runs. Configure it
// before listen(), which blocks; what is not configuration may be called from any thread.
//
// Handlers run on worker threads. So do the callbacks of streams; while the server stops and the workers are gone, they
// run on the thread of listen(). None runs under a lock, so that all may call the server, stop() included; only the
// destructor may not be called in one. What they throw goes to ServerOptions::on_failure (but a content provider's
// resource releaser must not throw: cpp-httplib calls it in a destructor). stop() waits for nobody:
// listen() returns once the handlers and callbacks that are under way have returned, all streams are closed, and the
// callbacks of these have run.
//
//   millrace::Server server;
//   server.events("/events");                                    // GET subscribes, POST publishes
//   server.hub().publish("orders", {.data = "hello"});
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

#include "millrace/server/event_stream.h"
#include "millrace/server/guarded_route.h"
#include "millrace/server/hub.h"
#include "millrace/server/options.h"
#include "millrace/server/sending_ways.h"
#include "millrace/server/subscription.h"

namespace millrace {

class Engine;

/// An httplib::Server with event streams.
class Server : public httplib::Server {
 public:
  /// Throws InvalidOption if an option is out of range, StoreUnavailable if the store cannot be opened; the message
  /// names it.
  explicit Server(const ServerOptions& options = {});
  /// Stops the server if it runs, and waits for a listen() that is under way on another thread. In a handler or a
  /// callback of its own, which it would wait for, it ends the program with a sentence that says so.
  ~Server() override;

  /// Where events are published. Any thread; it lives as long as the server.
  Hub& hub();

  /// Routes for event streams at `path`: `GET` subscribes to the topics of the query, `POST` publishes JSON.
  /// docs/protocol.md has both.
  Server& events(const std::string& path);

  /// Routes for those who run the server: `/healthz`, `/readyz` (503 while draining, and while the store takes no
  /// events), `/metrics` for Prometheus, and, where the authorizer allows Action::kAdminister, `/subscriptions` and
  /// `/subscriptions/disconnect`. docs/operations.md has them.
  Server& operations();

  /// Adds a route of yours behind the access checks of Millrace's own. Throws std::invalid_argument if its method is
  /// not one of those it may have, or its handlers are not exactly one.
  Server& guarded(GuardedRoute route);

  /// Checks a request as guarded() does, but for rights: for handlers that come before routing. False: it has been
  /// answered.
  bool admits(const httplib::Request& request, httplib::Response& response) const;

  /// Method and path of each guarded route, those of events() and operations() included, in the order in which they
  /// were added; OPTIONS, by which browsers ask, is not listed.
  std::vector<std::pair<std::string, std::string>> guarded_routes() const;

  /// Turns the response to the request being handled into an event stream on the hub, as `GET` on an events route does,
  /// from the request's last event ID on. Or answers 204, if the topics are finished and there is nothing more; then,
  /// and to HEAD, it returns false. To be called in a handler, once. Rights are the caller's to check. Throws
  /// std::invalid_argument if an option is out of range, std::logic_error if called elsewhere.
  bool subscribe(const httplib::Request& request, httplib::Response& response, SubscribeOptions options);

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

  /// Cuts the event streams that subscribed with this `client` name, without ending them: the clients will resume.
  /// Returns how many there were.
  std::size_t disconnect(std::string_view client);

  /// Ends the event streams that are selected, in order, each with a reconnection time drawn from the usual one to
  /// twice that. The clients come back, and are then asked for their rights. Returns how many there were; throws
  /// std::invalid_argument if the topic is not one. Not to be called from a callback of an EventStream.
  std::size_t disconnect(const StreamSelection& selection);

  /// Ends all event streams on the hub, each with a reconnection time drawn from the usual one to that plus `window`,
  /// and answers new ones with 503, so that the clients come back later, spread out, or elsewhere. Other requests are
  /// served until stop().
  void drain(Duration window);

  /// The event streams on the hub, in no order.
  std::vector<SubscriptionInfo> subscriptions() const;

  /// As httplib::Server's, which they hide: they run what lies underneath, too. Workers are made by `new_task_queue`,
  /// whose enqueue() must neither block, throw, nor run the task. False also while another listen() is under way.
  bool listen(const std::string& host, int port, int socket_flags = 0);
  /// The same after bind_to_port() or bind_to_any_port().
  bool listen_after_bind();

  /// Ends a listen() that is under way, wherever it is; returns at once. Does nothing else. Any thread, any number of
  /// times, handlers and callbacks included.
  void stop();

  /// What it was made with.
  const ServerOptions& options() const;

  /// How its event loops write to sockets; none of them while it does not listen.
  SendingWays sending() const;

  /// Event streams open now, the request-scoped ones included.
  std::size_t open_streams() const;

 private:
  bool process_and_close_socket(socket_t socket) override;
  bool serve();

  std::unique_ptr<Engine> engine_;
};

}  // namespace millrace
