#include "operation_routes.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "http/error_response.h"
#include "httplib/refusal.h"
#include "silent_loops.h"
#include "small_body.h"
#include "stream_selection.h"

namespace millrace {

namespace {

using Ports = OperationRoutes::Ports;
using Request = httplib::Request;
using Response = httplib::Response;

constexpr std::string_view kNoMetrics =
    "metrics: this server has no format for them; link millrace::metrics and set "
    "ServerOptions::metrics = millrace::prometheus_metrics()";

// Names come from outside and need not be UTF-8.
void answer(Response& response, const nlohmann::json& body) {
  response.set_content(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "application/json");
}

void tell_ready(const Ports& ports, const Request& request, Response& response) {
  if (ports.is_draining()) {
    return refuse(request, response, 503, RefusalReason::kDraining, "the server is draining");
  }
  if (ports.hub.trouble()) {
    return refuse(request, response, 503, RefusalReason::kStore, kStoreTakesNothing);
  }
  response.set_content("ready\ndurability: " + std::string(name_of(ports.hub.durability())) + "\n", "text/plain");
}

void list_subscriptions(const Ports& ports, const Request& request, Response& response) {
  const auto open = ports.subscriptions();
  if (open.silent_loops > 0) {
    return refuse_silence(request, response, open.silent_loops,
                          "its streams would be missing from the list; try again, or restart the server");
  }
  nlohmann::json list = nlohmann::json::array();
  for (const SubscriptionInfo& info : open.result) {
    list.push_back({{"topics", info.topics},
                    {"client", info.client},
                    {"user", info.user},
                    {"address", info.address},
                    {"ageMs", info.age.count()},
                    {"live", info.live}});
  }
  answer(response, list);
}

void disconnect(const Ports& ports, const Request& request, Response& response,
                const httplib::ContentReader& read_content) {
  const auto body = read_small_body(request, response, read_content, kMaxDisconnectBytes);
  if (!body) return;
  std::string error;
  const auto asked = parse_stream_selection(*body, error);
  if (!asked) return refuse(request, response, 400, RefusalReason::kInvalid, error);
  const auto ended = ports.disconnect(asked->selection, asked->farewell);
  if (ended.silent_loops > 0) {
    return refuse_silence(request, response, ended.silent_loops,
                          "the others have ended " + std::to_string(ended.result) +
                              " streams, and the rest end when it goes on, or when you restart the server");
  }
  answer(response, {{"disconnected", ended.result}});
}

}  // namespace

void OperationRoutes::add_health_to(GuardedRoutes& routes, const Ports& ports) {
  routes.add({.method = "GET",
              .path = "/healthz",
              .right = GuardedRoute::no_right,
              .handler = [](const auto&, Response& response) { response.set_content("ok\n", "text/plain"); }});
  routes.add(
      {.method = "GET",
       .path = "/readyz",
       .right = GuardedRoute::no_right,
       .handler = [ports](const Request& request, Response& response) { tell_ready(ports, request, response); }});
}

void OperationRoutes::add_to(GuardedRoutes& routes, const Ports& ports) {
  add_health_to(routes, ports);
  routes.add({.method = "GET",
              .path = "/metrics",
              .right = GuardedRoute::no_right,
              .handler = [ports](const Request& request, Response& response) {
                if (ports.metrics_format == nullptr) {
                  return refuse(request, response, 501, RefusalReason::kNotBuilt, kNoMetrics);
                }
                const MetricsFormat& format = ports.metrics_format->accepted_by(request.get_header_value("Accept"));
                response.set_content(format.text(ports.metrics()), format.content_type());
              }});
  routes.add(
      {.method = "GET", .path = "/subscriptions", .handler = [ports](const Request& request, Response& response) {
         list_subscriptions(ports, request, response);
       }});
  routes.add(
      {.method = "POST",
       .path = "/subscriptions/disconnect",
       .body_handler = [ports](const Request& request, Response& response, const httplib::ContentReader& read_content) {
         disconnect(ports, request, response, read_content);
       }});
}

}  // namespace millrace
