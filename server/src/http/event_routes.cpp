#include "event_routes.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "../stream/subscriber.h"
#include "connection.h"
#include "connection_loop.h"
#include "error_response.h"
#include "httplib_bridge.h"
#include "millrace/core/protocol.h"
#include "publish_request.h"

namespace millrace {

namespace {

void refuse(httplib::Response& response, int status, std::string_view sentence) {
  response.status = status;
  response.set_content(error_body(sentence), "application/json");
}

// The patterns of the query; empty, with `error` set, if they make no subscription. They are views into `texts`.
std::vector<TopicPattern> patterns_of(const std::vector<std::string>& texts, std::string& error) {
  std::vector<TopicPattern> patterns;
  if (texts.empty()) {
    error = "topic: missing; say what to subscribe to, as in ?topic=orders&topic=stocks/**";
  } else if (texts.size() > kMaxTopicsPerSubscription) {
    error = "topic: more than " + std::to_string(kMaxTopicsPerSubscription) + " in one subscription";
  }
  if (!error.empty()) return {};
  for (const std::string& text : texts) {
    const auto pattern = TopicPattern::parse(text);
    if (!pattern) {
      error = "topic: \"" + text + "\" is not a topic pattern: 1 to " + std::to_string(kMaxTopicBytes) +
              " bytes of segments separated by /, none of them empty; * is one segment, a final ** all that follow";
      return {};
    }
    patterns.push_back(*pattern);
  }
  return patterns;
}

std::vector<std::string> parameters(const httplib::Request& request, std::string_view name) {
  std::vector<std::string> values;
  const auto [begin, end] = request.params.equal_range(std::string(name));
  for (auto value = begin; value != end; ++value) values.push_back(value->second);
  return values;
}

}  // namespace

void set_event_stream_headers(httplib::Response& response) {
  response.set_header("Content-Type", std::string(protocol::kContentType));
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Accel-Buffering", "no");
}

void EventRoutes::subscribe(const httplib::Request& request, httplib::Response& response) const {
  std::string error;
  const std::vector<std::string> texts = parameters(request, protocol::kTopicParameter);
  const std::vector<TopicPattern> patterns = patterns_of(texts, error);
  const std::string client = request.get_param_value(std::string(protocol::kClientParameter));
  if (client.size() > kMaxClientNameBytes) {
    error = "client: longer than " + std::to_string(kMaxClientNameBytes) + " bytes";
  }
  const std::string mode = request.get_param_value(std::string(protocol::kModeParameter));
  if (!mode.empty() && mode != protocol::kPollMode) error = "mode: \"" + mode + "\" is not known; there is mode=poll";
  if (!error.empty()) return refuse(response, 400, error);

  Exchange& exchange = HttplibBridge::exchange_of(request);
  std::string last_event_id = exchange.head.last_event_id;
  if (last_event_id.empty()) last_event_id = request.get_param_value(std::string(protocol::kLastEventIdParameter));
  Subscriber::Subscription subscription{.filter = std::make_shared<const TopicFilter>(patterns),
                                        .client = client,
                                        .chunked = !exchange.head.http_1_0,
                                        .poll = mode == protocol::kPollMode};
  const Hub::Cursor cursor = hub_.resolve(last_event_id);
  if (hub_.is_over(cursor, *subscription.filter)) {
    response.status = 204;  // [WHATWG 9.2.4] by which a client knows not to come back
    return;
  }
  set_event_stream_headers(response);
  if (request.method == "HEAD") return;
  exchange.loop.defer([&connection = exchange.connection, head = HttplibBridge::take_response(request, response),
                       subscription = std::move(subscription), cursor, last_event_id = std::move(last_event_id)] {
    connection.subscribe(head, subscription, cursor, last_event_id);
  });
}

void EventRoutes::publish(const httplib::Request&, httplib::Response& response,
                          const httplib::ContentReader& read_content) const {
  if (!options_.anonymous_publish) {
    return refuse(response, 403,
                  "publishing over HTTP is switched off: start the server with --insecure (in a program: "
                  "ServerOptions::anonymous_publish) to let anyone who reaches the port publish");
  }
  std::string body;
  bool too_large = false;
  const bool complete = read_content([&](const char* data, std::size_t size) {
    too_large = too_large || body.size() + size > options_.max_publish_bytes;
    if (!too_large) body.append(data, size);
    return !too_large;
  });
  if (too_large) {
    return refuse(
        response, 413,
        "body: larger than " + std::to_string(options_.max_publish_bytes) + " bytes; publish in several requests");
  }
  if (!complete) return refuse(response, 400, "body: ended early, or is not encoded as its headers say");

  std::string error;
  const auto requests = parse_publish_body(body, hub_, error);
  if (!requests) return refuse(response, 400, error);
  std::string answer;
  for (const PublishRequest& request : *requests) {
    nlohmann::json result = nlohmann::json::object();
    if (const auto event = request.event()) result["id"] = hub_.publish(request.topic(), *event).id;
    if (request.finishes()) hub_.finish(request.topic());
    answer += result.dump() + '\n';
  }
  response.set_content(answer, requests->size() == 1 ? "application/json" : "application/x-ndjson");
}

}  // namespace millrace
