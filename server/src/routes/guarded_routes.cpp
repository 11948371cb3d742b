#include "guarded_routes.h"

#include <algorithm>
#include <cassert>
#include <stdexcept>

#include "httplib/refusal.h"
#include "presence_route.h"

namespace millrace {

namespace {

std::optional<DemandedRight> right_to_administer(const httplib::Request& /*request*/) {
  return DemandedRight{};
}

// Calls the member of httplib::Server for the method; returns false for other methods.
bool add_to(httplib::Server& server, const std::string& method, const std::string& path, GuardedHandler handler) {
  if (method == "GET") return server.Get(path, std::move(handler)), true;
  if (method == "POST") return server.Post(path, httplib::Server::Handler(std::move(handler))), true;
  if (method == "PUT") return server.Put(path, httplib::Server::Handler(std::move(handler))), true;
  if (method == "PATCH") return server.Patch(path, httplib::Server::Handler(std::move(handler))), true;
  if (method == "DELETE") return server.Delete(path, httplib::Server::Handler(std::move(handler))), true;
  return false;
}
bool add_to(httplib::Server& server, const std::string& method, const std::string& path, GuardedBodyHandler handler) {
  using Handler = httplib::Server::HandlerWithContentReader;
  if (method == "POST") return server.Post(path, Handler(std::move(handler))), true;
  if (method == "PUT") return server.Put(path, Handler(std::move(handler))), true;
  if (method == "PATCH") return server.Patch(path, Handler(std::move(handler))), true;
  if (method == "DELETE") return server.Delete(path, Handler(std::move(handler))), true;
  return false;
}

}  // namespace

bool Guard::admits(const httplib::Request& request, httplib::Response& response) const {
  assert(right != nullptr);
  if (!admission->enter(request, response, changes_things)) return false;
  std::optional<DemandedRight> demanded;
  try {
    demanded = right(request);
  } catch (const InvalidTopic& failure) {
    refuse(request, response, 400, RefusalReason::kInvalid, failure.what());
    return false;
  }
  if (!demanded) return true;
  // An authorizer that checks each topic would have nothing to refuse.
  if (demanded->topics.empty() && demanded->action != Authorizer::Action::kAdminister) {
    throw std::logic_error("GuardedRoute: its right to subscribe or publish names no topic");
  }
  return admission->allow(request, response, demanded->action, demanded->topics).has_value();
}

void GuardedRoutes::add(GuardedRoute route) {
  if ((route.handler != nullptr) == (route.body_handler != nullptr)) {
    throw std::invalid_argument("GuardedRoute \"" + route.path + "\": expected either a handler or a body_handler");
  }
  const Guard guard{.admission = &admission_,
                    .changes_things = route.changes_things,
                    .right = route.right != nullptr ? std::move(route.right) : right_to_administer};
  const bool added =
      route.handler != nullptr
          ? add_to(server_, route.method, route.path, GuardedHandler{guard, std::move(route.handler)})
          : add_to(server_, route.method, route.path, GuardedBodyHandler{guard, std::move(route.body_handler)});
  if (!added) {
    throw std::invalid_argument("GuardedRoute \"" + route.path + "\": its method cannot be \"" + route.method +
                                "\" with that handler; expected GET (with a handler), POST, PUT, PATCH or DELETE");
  }
  all_.emplace_back(std::move(route.method), std::move(route.path));
}

void GuardedRoutes::add_events(const std::string& path, const EventRoutes& routes, const TopicChanges& changes,
                               const Presence* presence) {
  server_.Get(path, SubscribeHandler{&routes});
  server_.Post(path, PublishHandler{&routes});
  all_.emplace_back("GET", path);
  all_.emplace_back("POST", path);
  // Beside the events routes of a folder stands one of these for all of them.
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const auto is_new = [&](const std::string& method, const std::string& name) {
    return std::find(all_.begin(), all_.end(), std::pair(method, name)) == all_.end();
  };
  // Another route of Millrace's has a name there.
  if (const std::string change = folder + "subscriptions/(?!disconnect$)([^/]+)"; is_new("POST", change)) {
    server_.Post(change, ChangeTopicsHandler{&changes});
    all_.emplace_back("POST", change);
  }
  if (presence != nullptr && is_new("GET", folder + "presence")) add(presence_route(folder + "presence", *presence));
}

void GuardedRoutes::add_preflights() {
  for (; with_preflights_ < all_.size(); ++with_preflights_) {
    const std::string& path = all_[with_preflights_].second;
    const auto has_path = [&](const auto& route) { return route.second == path; };
    const auto before = all_.begin() + static_cast<std::ptrdiff_t>(with_preflights_);
    if (std::any_of(all_.begin(), before, has_path)) continue;
    std::string methods;
    for (const auto& [method, of] : all_) {
      if (of != path) continue;
      methods.append(methods.empty() ? "" : ", ").append(method == "GET" ? "GET, HEAD" : method);
    }
    server_.Options(path, PreflightHandler{&admission_, methods});
  }
}

}  // namespace millrace
