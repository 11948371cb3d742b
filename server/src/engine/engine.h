// Engine: the parts of a Server. It starts, stops and connects them. The hub exists as long as the server; loops and
// workers exist while the server listens.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connection/connection_loops.h"
#include "connection/reception.h"
#include "gradual_stop.h"
#include "http/foreign_protocol.h"
#include "http/trusted_proxies.h"
#include "httplib/request_dispatch.h"
#include "httplib/workers.h"
#include "hub/presence.h"
#include "hub/webhook_sender.h"
#include "listening.h"
#include "log/feed.h"
#include "log/status_report.h"
#include "millrace/server/hub.h"
#include "millrace/server/metrics_format.h"
#include "millrace/server/options.h"
#include "routes/admission.h"
#include "routes/direct_requests.h"
#include "routes/event_routes.h"
#include "routes/guarded_routes.h"
#include "routes/metric_sources.h"
#include "routes/operation_routes.h"
#include "routes/rights_review.h"
#include "routes/stream_opener.h"
#include "routes/topic_changes.h"
#include "shares/buffer_budget.h"
#include "shares/counters.h"
#include "shares/download_gate.h"
#include "shares/notice_limit.h"
#include "shares/upload_gate.h"
#include "stream/stream_buffers.h"
#include "taken_socket.h"
#include "tls/tls_context.h"

namespace millrace {

class Engine {
 public:
  Engine(httplib::Server& server, const ServerOptions& options) : Engine(server, options, nullptr) {}
  /// On the log of another engine, which must outlive it.
  Engine(httplib::Server& server, const ServerOptions& options, Engine& log_of)
      : Engine(server, options, &log_of.feed_) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// `path` is an events route.
  void add_events(const std::string& path);
  void add_operations() { add_operations_to(guarded_); }
  /// Only those by which others see whether the server is well.
  void add_health();
  /// The routes, about this engine, of another one.
  void add_operations_to(GuardedRoutes& routes);

  void start(std::unique_ptr<httplib::TaskQueue> workers);
  void stop();
  /// Accepts connections from socket_to_accept_from() on the loops until `listening_socket`, cpp-httplib's, is shut
  /// down. Call it between start() and stop().
  void accept_from(int listening_socket);
  /// Accepts from this socket instead of cpp-httplib's. Returns what cpp-httplib gets in its place. Throws
  /// std::invalid_argument if it cannot be used.
  int take_socket(int listening_socket);
  int socket_to_accept_from(int listening_socket) const { return taken_ ? taken_->socket() : listening_socket; }
  /// Calls ServerOptions::on_listening.
  void announce_listening();
  /// Makes a running listen() drain and end within `window`.
  void stop_within(Duration window);
  /// Ends open streams and refuses new ones.
  void drain(Duration window);

  /// Reads certificates and keys again. Throws InvalidOption, also without TLS.
  void reload_tls();

  std::vector<Metric> metrics() const;
  /// Of services upon the server.
  MetricSources& more_metrics() { return more_metrics_; }

  const ServerOptions& options() const { return options_; }
  Hub& hub() { return hub_; }
  Feed& feed() { return feed_; }
  Listening& listening() { return listening_; }
  Workers& workers() { return workers_; }
  Reception& reception() { return reception_; }
  ConnectionLoops& loops() { return loops_; }
  GuardedRoutes& guarded() { return guarded_; }
  Admission& admission() { return admission_; }
  const StreamOpener& streams() const { return streams_; }
  RightsReview& rights() { return *rights_; }

 private:
  Engine(httplib::Server& server, const ServerOptions& options, Feed* shared_feed);
  Feed::Options feed_options();
  OperationRoutes::Ports operation_ports();
  ConnectionLoop::Settings loop_settings(const HttplibInsides& insides);
  void report_foreign_protocol(RefusalReason reason, const std::string& client);
  TlsTerms tls_terms();
  std::size_t loop_count() const;
  std::shared_ptr<RetainedShares> retained_shares() const;
  std::unique_ptr<WebhookSender> webhook_sender();
  void notify_of_tls(const std::string& notice) const;

  httplib::Server& server_;
  Listening listening_;
  GradualStop gradual_stop_;
  RefusalCounters refusals_;
  MetricSources more_metrics_;
  const ServerOptions options_;
  Workers workers_{options_.on_failure};
  StatusReport status_report_;
  const std::unique_ptr<Feed> own_feed_;  // null on the log of another engine
  Feed& feed_;
  Hub hub_{feed_, options_.history.retain, options_.publishing.durability, retained_shares()};
  Admission admission_;
  const std::optional<TrustedProxies> proxies_;  // nothing: no trusted proxies
  const std::shared_ptr<BufferBudget> buffers_;  // streams may outlive the server
  const std::shared_ptr<StreamBuffers> stream_buffers_;
  ConnectionLoops loops_;
  Reception reception_;
  UploadGate uploads_;
  DownloadGate downloads_;
  RequestDispatch dispatch_;
  const std::shared_ptr<RightsReview> rights_;
  const StreamOpener streams_;
  const EventRoutes routes_;
  const TopicChanges topic_changes_;
  GuardedRoutes guarded_;
  CommitQueue commits_{hub_};
  DirectRequests direct_;
  std::vector<std::string> events_paths_;
  ForeignProtocols foreign_;
  NoticeLimit tls_notices_;
  const std::unique_ptr<TlsContext> tls_;          // null without TLS
  const std::unique_ptr<Presence> presence_;       // null without presence
  const std::unique_ptr<WebhookSender> webhooks_;  // null without webhooks
  std::optional<TakenSocket> taken_;               // before listen()
  std::atomic<bool> draining_ = false;
};

}  // namespace millrace
