// GuardedRoute: a route of yours with Millrace's access checks, added by Server::guarded().
//
// Before it calls the handler, the server checks the `Host` header (421), the origin of the web page (403), and the
// right that the route needs (401, 403). It sets the headers that let a listed web page read the answer, and answers
// preflight requests.
//
//   server.guarded({.method = "POST", .path = "/cache/flush", .handler = flush});    // for administrators
//   using millrace::GuardedRoute;
//   server.guarded({.method = "GET", .path = "/version", .right = GuardedRoute::no_right, .handler = version});
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "millrace/server/authorizer.h"
#include "millrace/server/httplib_forward.h"

namespace millrace {

/// The right that a route needs: the arguments of Authorizer::decide(). kSubscribe and kPublish need at least one
/// topic; without one, the client gets 500.
struct DemandedRight {
  /// What the client wants to do.
  Authorizer::Action action = Authorizer::Action::kAdminister;
  /// Its topics or patterns; empty for kAdminister.
  TopicPatterns topics = {};
};

/// A route, its checks and its handler.
struct GuardedRoute {
  /// The same type as httplib::Server::Handler.
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;
  /// The same type as httplib::Server::HandlerWithContentReader.
  using BodyHandler = std::function<void(const httplib::Request&, httplib::Response&, const httplib::ContentReader&)>;

  /// Returns the right that a request needs; nothing if it needs none. It may build topics from the request: if it
  /// throws InvalidTopic, the client gets 400 with the sentence; if it throws anything else, 500.
  using RightOf = std::function<std::optional<DemandedRight>(const httplib::Request&)>;

  /// For `right`: any client may send the request.
  static std::optional<DemandedRight> no_right(const httplib::Request& /*request*/) { return std::nullopt; }

  /// GET (which answers HEAD as well), POST, PUT, PATCH or DELETE.
  std::string method;

  /// A regular expression for the whole path, as in httplib::Server.
  std::string path;

  /// For a GET that changes something: refuses web pages of unlisted origins, as other methods always do.
  bool changes_things = false;

  /// Null: the request needs the right to administer.
  RightOf right = nullptr;

  /// Answers the request. Set exactly one of `handler` and `body_handler`.
  Handler handler = nullptr;
  /// Like `handler`, for methods with a body; the handler reads the body itself. If the reader returns false because it
  /// cannot read on, return without an answer: the server answers with the reason (413, 415, 400 or 408).
  BodyHandler body_handler = nullptr;
};

}  // namespace millrace
