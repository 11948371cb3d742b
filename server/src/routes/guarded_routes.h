// GuardedRoutes: the only way to add Millrace's own routes, and guarded routes of programs, to a server. No handler is
// called before Admission has admitted its request.
#pragma once

#include <httplib.h>

#include <string>
#include <utility>
#include <vector>

#include "admission.h"
#include "event_routes.h"
#include "hub/presence.h"
#include "millrace/server/guarded_route.h"
#include "topic_changes.h"

namespace millrace {

/// The checks before a route's handler.
struct Guard {
  const Admission* admission;
  bool changes_things;
  GuardedRoute::RightOf right;  ///< never null

  bool admits(const httplib::Request& request, httplib::Response& response) const;
};

// The handlers. Their types distinguish them from handlers without checks.
struct GuardedHandler {
  Guard guard;
  httplib::Server::Handler handler;
  void operator()(const httplib::Request& request, httplib::Response& response) const {
    if (guard.admits(request, response)) handler(request, response);
  }
};
struct GuardedBodyHandler {
  Guard guard;
  httplib::Server::HandlerWithContentReader handler;
  void operator()(const httplib::Request& request, httplib::Response& response,
                  const httplib::ContentReader& read_content) const {
    if (guard.admits(request, response)) handler(request, response, read_content);
  }
};
struct PreflightHandler {
  const Admission* admission;
  std::string methods;
  void operator()(const httplib::Request& request, httplib::Response& response) const {
    admission->preflight(request, response, methods);
  }
};

class GuardedRoutes {
 public:
  /// Both must outlive it.
  GuardedRoutes(httplib::Server& server, const Admission& admission) : server_(server), admission_(admission) {}

  /// Throws std::invalid_argument if the route is incomplete.
  void add(GuardedRoute route);

  /// Adds an events route. Its handlers call Admission themselves, because a loop also calls them without cpp-httplib.
  /// `presence` may be null.
  void add_events(const std::string& path, const EventRoutes& routes, const TopicChanges& changes,
                  const Presence* presence);

  /// Call it before the server listens: adds preflight requests, for the methods that each path has now.
  void add_preflights();

  /// Method and path of each route.
  const std::vector<std::pair<std::string, std::string>>& all() const { return all_; }

 private:
  httplib::Server& server_;
  const Admission& admission_;
  std::vector<std::pair<std::string, std::string>> all_;
  std::size_t with_preflights_ = 0;  // the number of first routes that have their preflight route
};

}  // namespace millrace
