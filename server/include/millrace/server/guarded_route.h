// GuardedRoute: a route behind the access checks of Millrace's own, added by Server::guarded().
//
// Before the handler is called, the server checks the `Host` header (421), from which web page the request comes (403),
// and the right that the route demands (401, 403); it sets the headers by which a listed web page may read the answer,
// and answers preflight requests.
//
//   server.guarded({.method = "POST", .path = "/cache/flush", .handler = flush});    // for administrators
//   server.guarded({.method = "GET", .path = "/version", .right = millrace::GuardedRoute::no_right, .handler =
//   version});
#pragma once

#include <httplib.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"

namespace millrace {

/// A right to be asked for: the arguments of Authorizer::decide().
struct DemandedRight {
  Authorizer::Action action = Authorizer::Action::kAdminister;
  std::vector<std::string> topics = {};
};

struct GuardedRoute {
  /// Which right a request needs; nothing: none.
  using RightOf = std::function<std::optional<DemandedRight>(const httplib::Request&)>;

  static std::optional<DemandedRight> no_right(const httplib::Request& /*request*/) { return std::nullopt; }

  /// GET (which answers HEAD as well), POST, PUT, PATCH or DELETE.
  std::string method;

  /// As httplib::Server has it: a regular expression for the whole path.
  std::string path;

  /// Refuses web pages of origins that are not listed, as is always done for other methods: for a GET that changes
  /// something.
  bool changes_things = false;

  /// Without one the request needs the right to administer.
  RightOf right = nullptr;

  /// One of the two is needed; the second, for methods with a body, reads the body itself.
  httplib::Server::Handler handler = nullptr;
  httplib::Server::HandlerWithContentReader body_handler = nullptr;
};

}  // namespace millrace
