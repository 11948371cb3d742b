#include "admission.h"

#include <algorithm>

#include "auth/reserved_topics.h"
#include "base/option_name.h"
#include "http/origin.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "loop/event_loop.h"
#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

void check_names(const ServerOptions& options) {
  for (const std::string& host : options.http.allowed_hosts) {
    if (host.empty() || host != host_name(host)) {
      throw InvalidOption(
          "ServerOptions::http.allowed_hosts",
          "\"" + host + "\" is not a host name; expected lower case without a port, such as events.example");
    }
  }
}

}  // namespace

Admission::Admission(const ServerOptions& options, std::uint64_t seed)
    : options_(options),
      cross_origin_(options.cors),
      streams_(options.shares.max_streams_per_user),
      publishing_(options.publishing.rate, options.publishing.burst),
      has_rate_(options.publishing.rate.has_value()),
      retry_spread_(seed) {
  check_names(options);
}

// --- Names and origins ----------------------------------------------------------------------------------------------

// A page of any site can make its own name point to this machine (DNS rebinding), and then has the same origin as this
// server. Only the name in its request shows that.
bool Admission::is_known_host(const httplib::Request& request) const {
  if (!on_loopback_ && options_.http.allowed_hosts.empty()) return true;
  if (!request.has_header("Host")) return true;  // not a browser
  const std::string name = host_name(request.get_header_value("Host"));
  return contains(options_.http.allowed_hosts, name) || (on_loopback_ && is_loopback_name(name));
}

bool Admission::check_host(const httplib::Request& request, httplib::Response& response) const {
  if (is_known_host(request)) return true;
  refuse(request, response, 421, RefusalReason::kHost,
         "the name in the Host header is not a name of this server; to allow it, list it in " +
             name_of_option(options_, "http.allowed_hosts"));
  return false;
}

bool Admission::enter(const httplib::Request& request, httplib::Response& response, bool changes_things) const {
  if (!check_host(request, response)) return false;
  cross_origin_.add_to(request, response);
  const bool reads = !changes_things && (request.method == "GET" || request.method == "HEAD");
  if (reads || cross_origin_.may_change_things(request)) return true;
  refuse(request, response, 403, RefusalReason::kOrigin,
         "a web page of this origin may neither publish nor change anything; to allow it, list it in " +
             name_of_option(options_, "cors.origins"));
  return false;
}

void Admission::preflight(const httplib::Request& request, httplib::Response& response,
                          std::string_view methods) const {
  if (!check_host(request, response)) return;
  response.set_header("Allow", std::string(methods) + ", OPTIONS");
  cross_origin_.add_to(request, response);
  if (!cross_origin_.may_ask(request)) {
    return refuse(
        request, response, 403, RefusalReason::kOrigin,
        "web pages of this origin have no access; to allow it, list it in " + name_of_option(options_, "cors.origins"));
  }
  response.status = 204;
  if (!response.has_header("Access-Control-Allow-Origin")) return;
  response.set_header("Access-Control-Allow-Methods", std::string(methods));
  response.set_header("Access-Control-Allow-Headers", cross_origin_.allowed_headers());
  response.set_header("Access-Control-Max-Age", std::to_string(kPreflightMaxAge.count() / 1000));
}

// --- Rights ---------------------------------------------------------------------------------------------------------

std::optional<Authorizer::Decision> Admission::allow(const httplib::Request& request, httplib::Response& response,
                                                     Authorizer::Action action, const TopicPatterns& topics) const {
  if (options_.authorizer == nullptr) {
    const bool anyone = action == Authorizer::Action::kSubscribe && !any_is_reserved(topics);
    if (anyone || options_.publishing.anonymous) return Authorizer::Decision::allow();
    const std::string ways =
        name_of_option(options_, "authorizer") + " or " + name_of_option(options_, "publishing.anonymous");
    refuse(request, response, 403, RefusalReason::kForbidden,
           action == Authorizer::Action::kPublish
               ? "publishing over HTTP is turned off; to turn it on, start the server with " + ways
               : "administration over HTTP is turned off; to turn it on, start the server with " + ways);
    return std::nullopt;
  }
  Authorizer::Decision decision = options_.authorizer->decide(request, action, topics);
  if (Exchange* const exchange = HttplibBridge::find_exchange(request); exchange != nullptr && exchange->access) {
    exchange->access->record.user = decision.user();
  }
  if (decision.is_allowed()) return decision;
  if (decision.is_unavailable()) {
    response.set_header("Retry-After", retry_spread_.draw());
    refuse(request, response, decision.status(), RefusalReason::kAuthorizer, decision.reason());
    return std::nullopt;
  }
  const bool is_unknown = decision.status() == 401;
  if (is_unknown) response.set_header("WWW-Authenticate", "Bearer");
  refuse(request, response, decision.status(), is_unknown ? RefusalReason::kUnauthenticated : RefusalReason::kForbidden,
         decision.reason().empty() ? "not allowed" : decision.reason());
  return std::nullopt;
}

// --- Fair shares ----------------------------------------------------------------------------------------------------

std::optional<Quota::Share> Admission::take_stream(const std::string& user) {
  if (user.empty()) return Quota::Share();  // counted by the connections of its network
  return streams_.take(Who::user(user));
}

void Admission::change_publish_rate(std::optional<double> per_second, std::optional<std::size_t> burst) {
  publishing_.change(per_second, burst);
  has_rate_ = per_second.has_value();
}

bool Admission::take_events(const httplib::Request& request, const std::string& user, std::size_t events,
                            httplib::Response& response) {
  if (!has_rate_) return true;
  const Duration wait =
      publishing_.spend(holder_of(HttplibBridge::exchange_of(request), user), events, monotonic_now());
  if (wait == Duration{0}) return true;
  response.set_header("Retry-After", retry_spread_.draw(wait));
  refuse(request, response, 429, RefusalReason::kPublishRate,
         "more events than this publisher may publish now; nothing of this request was published");
  return false;
}

}  // namespace millrace
