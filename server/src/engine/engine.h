// Engine: the parts of a Server. The hub exists as long as the server; loops and workers exist while it listens.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection/connection_loop.h"
#include "http/foreign_protocol.h"
#include "httplib/httplib_bridge.h"
#include "hub/presence.h"
#include "listening.h"
#include "log/feed.h"
#include "log/trouble_report.h"
#include "millrace/server/event_stream.h"
#include "millrace/server/hub.h"
#include "millrace/server/options.h"
#include "millrace/server/sending_ways.h"
#include "millrace/server/subscription.h"
#include "mutex.h"
#include "routes/admission.h"
#include "routes/direct_requests.h"
#include "routes/event_routes.h"
#include "routes/guarded_routes.h"
#include "routes/rights_review.h"
#include "routes/stream_opener.h"
#include "shares/counters.h"
#include "shares/download_gate.h"
#include "shares/quota.h"
#include "shares/upload_gate.h"

namespace millrace {

class Engine {
 public:
  Engine(httplib::Server& server, const ServerOptions& options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// `path` is an events route.
  void add_events(const std::string& path) {
    guarded_.add_events(path, routes_);
    events_paths_.push_back(path);
  }
  void start(std::unique_ptr<httplib::TaskQueue> workers);
  void stop();
  /// Gives a listening socket what the accepted ones inherit from it, and makes it one that does not block.
  void prepare(int listening_socket) const;
  /// Accepts connections, on the loops, until the socket is shut down. Between start() and stop().
  void accept_from(int listening_socket);
  /// Says no to a client of a server that was not started.
  void turn_away(int socket);
  std::size_t disconnect(std::string_view client);
  std::size_t disconnect(const StreamSelection& selection);
  std::size_t open_streams() const;
  std::vector<SubscriptionInfo> subscriptions() const;
  void drain(Duration window);
  bool is_draining() const { return draining_; }
  std::string metrics() const;
  SendingWays sending() const;
  /// Tells the user's program that the server listens.
  void announce_listening();
  Listening& listening() { return listening_; }
  /// Whether this thread is in one of the server's handlers or callbacks.
  bool is_in_user_code() const;

  const ServerOptions& options() const { return options_; }
  Hub& hub() { return hub_; }
  void add_operations();
  GuardedRoutes& guarded() { return guarded_; }
  const Admission& admission() const { return admission_; }
  const StreamOpener& streams() const { return streams_; }

 private:
  void accept(ConnectionLoop& loop, int socket, const sockaddr_storage& peer);
  void turn_away(ConnectionLoop& loop, int socket, const RequestError& error);
  ConnectionLoop& loop_for_another(ConnectionLoop& loop) const;
  void dispatch(const std::shared_ptr<Exchange>& exchange);
  void serve(const std::shared_ptr<Exchange>& exchange);
  bool serve_here(Exchange& exchange, std::string_view request);
  void report_foreign_protocol(RefusalReason reason, int socket);
  bool enqueue(std::function<void()> task);
  void run_on_worker(std::function<void()> callback);
  void run_left_over();
  void as_user_code(const std::function<void()>& code) const;
  std::vector<StreamRightPtr> open_rights();

  httplib::Server& server_;
  Listening listening_;
  RefusalCounters refusals_;
  const ServerOptions options_;
  TroubleReport trouble_report_;
  Feed feed_;
  Hub hub_{feed_};
  Admission admission_;
  const std::shared_ptr<RightsReview> rights_;
  const StreamOpener streams_;
  const EventRoutes routes_;
  GuardedRoutes guarded_;
  DirectRequests direct_{routes_};
  std::vector<std::string> events_paths_;
  Quota connections_per_address_;
  BufferBudget buffers_;
  UploadGate uploads_;
  DownloadGate downloads_;
  ForeignProtocols foreign_;
  const std::unique_ptr<Presence> presence_;  // null where nobody is told

  mutable Mutex loops_mutex_;
  std::vector<std::unique_ptr<ConnectionLoop>> loops_;  // changed under loops_mutex_, while none of them accepts
  std::unique_ptr<HttplibBridge> bridge_;
  Mutex workers_mutex_;
  bool workers_running_ GUARDED_BY(workers_mutex_) = false;                  // they take tasks
  std::vector<std::function<void()>> left_over_ GUARDED_BY(workers_mutex_);  // callbacks since they take no more
  std::unique_ptr<httplib::TaskQueue> workers_;
  ConnectionCounts connections_;
  std::atomic<bool> draining_ = false;
};

}  // namespace millrace
