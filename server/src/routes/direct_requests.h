// DirectRequests: requests to an events route that a loop answers itself, without a worker and without cpp-httplib's
// parsing and routing between them.
//
// Only if nothing can block and no code of the user is involved, except an authorizer that does not block: events in
// memory, no handler around the routes, no logger or error handler, no other route for the path. With a store, publish
// requests wait in a queue until they are committed, and hold no thread meanwhile. EventRoutes decides about the
// request and makes the answer on all paths.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connection/exchange.h"
#include "event_routes.h"
#include "hub/commit_queue.h"
#include "millrace/server/limits.h"
#include "millrace/server/options.h"

namespace millrace {

/// Largest body of a publish request that an event loop reads itself, in bytes. A larger one would block its other
/// sockets for more than a few milliseconds, and goes to a worker.
inline constexpr std::size_t kMaxDirectBodyBytes = 64 * 1024;

/// Most work on a publish request (publish_work()) that a loop does itself: more, in events or bytes, goes to a worker.
/// With a store it only reads the request there: no worker waits for a commit.
inline constexpr std::size_t kMaxDirectWork = 64 * 1024;

static_assert(kMaxDirectBodyBytes <= kMaxBufferedBodyBytes);  // a loop collects the body that it answers

class DirectRequests {
 public:
  /// Called with an answer's status, and the reason if it is an error. On any thread.
  using Count = std::function<void(int status, RefusalReason reason)>;

  /// Runs a task on a worker. Returns false if the workers have too much to do. Never waits.
  using RunOnWorker = std::function<bool(std::function<void()>)>;

  /// All arguments must outlive it.
  DirectRequests(const EventRoutes& routes, Count count, RunOnWorker run_on_worker)
      : routes_(routes), count_(std::move(count)), run_on_worker_(std::move(run_on_worker)) {}

  /// Determines for which of the `paths` of events routes a loop may answer, as the server is set up now.
  void start(httplib::Server& server, const std::vector<std::string>& paths, const ServerOptions& options);

  /// Answers on the loop's thread. `request` is the whole request, possibly with bytes after it. Returns false, without
  /// having done anything, if a worker must answer.
  bool serve(Exchange& exchange, std::string_view request) const;

  /// Takes a publish request whose events a store keeps: finishes the exchange when they are committed. What may block
  /// or take long before that, a worker does. On the loop's thread. Returns false, without having done anything, if a
  /// worker must answer.
  bool publish_later(const std::shared_ptr<Exchange>& exchange) const;

 private:
  class LatePublish;

  bool takes(const Exchange& exchange, std::string_view method, std::string_view path) const;
  bool read(Exchange& exchange, std::string_view bytes, httplib::Request& request, bool is_for_worker = false) const;
  bool needs_worker(std::string_view body) const;
  bool plan_on_worker(LatePublish& late, CommitQueue::Jobs& one) const;
  httplib::Response empty_response() const;
  void fail(const httplib::Request& request, httplib::Response& response, const std::exception_ptr& failure) const;
  void write(httplib::Response& response, Exchange& exchange) const;

  const EventRoutes& routes_;
  const Count count_;
  const RunOnWorker run_on_worker_;
  bool waits_for_store_ = false;
  bool may_block_ = false;  // the authorizer
  std::vector<std::string> get_paths_;
  std::vector<std::string> post_paths_;
  httplib::Headers default_headers_;
  std::string keep_alive_;  // the value of the Keep-Alive header
  std::uint64_t max_body_bytes_ = 0;
  bool shows_addresses_ = false;
  bool has_websockets_ = false;
};

}  // namespace millrace
