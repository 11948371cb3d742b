// DirectRequests: requests to an events route that a loop answers itself, without a worker and without cpp-httplib's
// parsing and routing between them.
//
// Only if nothing may block and no code of the user is involved, but an authorizer that says it does not block: events
// in memory, no other authorizer, no handler around the routes, logger or error handler, no other route for the path.
// EventRoutes decides about the request and makes the answer on both paths.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connection/exchange.h"
#include "event_routes.h"
#include "millrace/server/options.h"

namespace millrace {

class DirectRequests {
 public:
  explicit DirectRequests(const EventRoutes& routes) : routes_(routes) {}

  /// Finds out for which of the `paths` of events routes this server, as it is set up by now, lets a loop answer.
  void start(httplib::Server& server, const std::vector<std::string>& paths, const ServerOptions& options);

  /// Answers on the loop's thread. `request` is the whole request and may go on with what has come behind it. False:
  /// a worker has to; nothing has been done.
  bool serve(Exchange& exchange, std::string_view request) const;

 private:
  bool takes(const Exchange& exchange, std::string_view method, std::string_view path) const;

  const EventRoutes& routes_;
  std::vector<std::string> get_paths_;
  std::vector<std::string> post_paths_;
  httplib::Headers default_headers_;
  std::string keep_alive_;  // what the header of that name says
  std::uint64_t max_body_bytes_ = 0;
  bool needs_address_ = false;
  bool has_websockets_ = false;
};

}  // namespace millrace
