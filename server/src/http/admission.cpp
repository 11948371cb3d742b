#include "admission.h"

#include <algorithm>
#include <stdexcept>

#include "../auth/reserved_topics.h"
#include "../loop/event_loop.h"
#include "origin.h"
#include "refusal.h"

namespace millrace {

namespace {

constexpr char kAnyOrigin[] = "*";

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

void check_names(const ServerOptions& options) {
  for (const std::string& origin : options.cors_origins) {
    if (origin != kAnyOrigin && !is_origin(origin)) {
      throw std::invalid_argument("ServerOptions::cors_origins: \"" + origin +
                                  "\" is not an origin: expected scheme://host or scheme://host:port and nothing "
                                  "behind it, as in https://app.example, or *");
    }
  }
  for (const std::string& host : options.allowed_hosts) {
    if (host.empty() || host != host_name(host)) {
      throw std::invalid_argument("ServerOptions::allowed_hosts: \"" + host +
                                  "\" is not a host name in lower case without a port, such as events.example");
    }
  }
}

}  // namespace

Admission::Admission(const ServerOptions& options, std::uint64_t seed)
    : options_(options),
      any_origin_(contains(options.cors_origins, kAnyOrigin)),
      streams_(options.max_streams_per_user),
      publishing_(options.publish_rate, options.publish_burst),
      retry_after_(seed) {
  check_names(options);
}

// --- Borders --------------------------------------------------------------------------------------------------------

// A page of any site can make its own name point to this machine (DNS rebinding), and then be of the same origin as
// what listens here. The name it used is what gives it away.
bool Admission::is_known_host(const httplib::Request& request) const {
  if (!on_loopback_ && options_.allowed_hosts.empty()) return true;
  if (!request.has_header("Host")) return true;  // no browser
  const std::string name = host_name(request.get_header_value("Host"));
  return contains(options_.allowed_hosts, name) || (on_loopback_ && is_loopback_name(name));
}

bool Admission::is_listed(const std::string& origin) const {
  return origin != kAnyOrigin && contains(options_.cors_origins, origin);
}

// A browser sends cookies along whichever page makes it publish (CSRF), but always says which page that is.
bool Admission::may_change_things(const httplib::Request& request) const {
  if (!request.has_header("Origin")) return true;
  const std::string origin = request.get_header_value("Origin");
  if (is_listed(origin) || is_same_origin(origin, request.get_header_value("Host"))) return true;
  return any_origin_ && !request.has_header("Cookie");
}

// False if there is an origin, and it is not one for which there are such headers.
bool Admission::add_cross_origin_headers(const httplib::Request& request, httplib::Response& response) const {
  if (options_.cors_origins.empty()) return !request.has_header("Origin");
  response.set_header("Vary", "Origin");
  if (!request.has_header("Origin")) return true;
  const std::string origin = request.get_header_value("Origin");
  if (is_listed(origin)) {
    response.set_header("Access-Control-Allow-Origin", origin);
    response.set_header("Access-Control-Allow-Credentials", "true");
  } else if (any_origin_) {
    response.set_header("Access-Control-Allow-Origin", kAnyOrigin);
  } else {
    return false;
  }
  response.set_header("Access-Control-Expose-Headers", "Last-Event-ID, Retry-After");
  return true;
}

bool Admission::enter(const httplib::Request& request, httplib::Response& response) const {
  if (!is_known_host(request)) {
    refuse(
        request, response, 421, RefusalReason::kHost,
        "the server does not go by the name in the Host header; list it (ServerOptions::allowed_hosts) if it should");
    return false;
  }
  add_cross_origin_headers(request, response);
  if (request.method == "GET" || request.method == "HEAD" || may_change_things(request)) return true;
  refuse(request, response, 403, RefusalReason::kOrigin,
         "a web page of this origin must not publish here; list it (ServerOptions::cors_origins) if it should");
  return false;
}

void Admission::preflight(const httplib::Request& request, httplib::Response& response) const {
  if (!is_known_host(request)) {
    enter(request, response);
    return;
  }
  response.set_header("Allow", "GET, HEAD, POST, OPTIONS");
  const bool allowed = add_cross_origin_headers(request, response) ||
                       is_same_origin(request.get_header_value("Origin"), request.get_header_value("Host"));
  if (!allowed) {
    refuse(request, response, 403, RefusalReason::kOrigin,
           "web pages of this origin have no access; list it (ServerOptions::cors_origins) if they should");
    return;
  }
  response.status = 204;
  if (!response.has_header("Access-Control-Allow-Origin")) return;
  response.set_header("Access-Control-Allow-Methods", "GET, HEAD, POST");
  response.set_header("Access-Control-Allow-Headers", "Authorization, Cache-Control, Content-Type, Last-Event-ID");
  response.set_header("Access-Control-Max-Age", std::to_string(kPreflightMaxAge.count() / 1000));
}

// --- Rights ---------------------------------------------------------------------------------------------------------

std::optional<Authorizer::Decision> Admission::allow(const httplib::Request& request, httplib::Response& response,
                                                     Authorizer::Action action,
                                                     const std::vector<std::string>& topics) const {
  if (options_.authorizer == nullptr) {
    const bool anyone = action == Authorizer::Action::kSubscribe && !any_is_reserved(topics);
    if (anyone || options_.anonymous_publish) return Authorizer::Decision{};
    refuse(request, response, 403, RefusalReason::kForbidden,
           action == Authorizer::Action::kPublish
               ? "publishing over HTTP is switched off: start the server with a key or --insecure (in a program: "
                 "ServerOptions::authorizer or anonymous_publish)"
               : "nobody administers this server over HTTP: start it with an admin key (in a program: "
                 "ServerOptions::authorizer)");
    return std::nullopt;
  }
  Authorizer::Decision decision = options_.authorizer->decide(request, action, topics);
  if (decision.status == 200) return decision;
  if (decision.status == 401) response.set_header("WWW-Authenticate", "Bearer");
  refuse(request, response, decision.status,
         decision.status == 401 ? RefusalReason::kUnauthenticated : RefusalReason::kForbidden, decision.reason);
  return std::nullopt;
}

// --- Fair shares ----------------------------------------------------------------------------------------------------

std::shared_ptr<Quota::Share> Admission::take_stream(const httplib::Request& request, const std::string& user,
                                                     httplib::Response& response) {
  if (user.empty()) return std::make_shared<Quota::Share>();
  if (auto share = streams_.take(user)) return std::make_shared<Quota::Share>(std::move(*share));
  response.set_header("Retry-After", retry_after_.draw());
  refuse(request, response, 429, RefusalReason::kUserStreams,
         "the user has as many event streams open as one may have, " + std::to_string(options_.max_streams_per_user));
  return nullptr;
}

bool Admission::take_events(const httplib::Request& request, const std::string& user, std::size_t events,
                            httplib::Response& response) {
  if (options_.publish_rate <= 0) return true;
  const std::string publisher = user.empty() ? "address " + request.remote_addr : "user " + user;
  const Duration wait = publishing_.take(publisher, events, monotonic_now());
  if (wait == Duration{0}) return true;
  response.set_header("Retry-After", retry_after_.draw(wait));
  refuse(request, response, 429, RefusalReason::kPublishRate,
         "more events than one publisher may publish in this time; nothing of this request was");
  return false;
}

}  // namespace millrace
