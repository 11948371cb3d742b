#include "event_routes.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/failure.h"
#include "base/option_name.h"
#include "base/time_until.h"
#include "http/error_response.h"
#include "httplib/error_answers.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "millrace/core/protocol.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/trace.h"
#include "parameters.h"
#include "subscribe_plan.h"

namespace millrace {

namespace {

TopicPatterns topics_of(const std::vector<PublishRequest>& requests) {
  std::vector<Topic> all;
  all.reserve(requests.size());
  for (const PublishRequest& request : requests) {
    all.push_back(request.topic());
    all.insert(all.end(), request.further_topics().begin(), request.further_topics().end());
  }
  std::sort(all.begin(), all.end(), [](Topic one, Topic other) { return one.view() < other.view(); });
  TopicPatterns topics;
  for (const Topic topic : all) {
    if (topics.empty() || topics[topics.size() - 1].text() != topic.view()) topics.push_back(topic);
  }
  return topics;
}

// All are published at once: with a store, in one commit.
std::vector<Publication> publications_of(const PublishPlan& plan) {
  std::vector<Publication> publications;
  for (const PublishRequest& request : plan.requests) {
    if (auto event = request.event()) {
      if (event->trace.empty()) event->trace = plan.trace;
      publications.push_back({.topic = request.topic(),
                              .further_topics = request.further_topics(),
                              .event = *event,
                              .publisher = plan.publisher,
                              .retain = request.is_retained(),
                              .retained_by = plan.holder,
                              .durability = request.durability()});
    }
    if (!request.finishes()) continue;
    for (const Topic topic : request.topics()) {
      publications.push_back({.topic = topic, .kind = Publication::Kind::kFinish, .durability = request.durability()});
    }
  }
  return publications;
}

std::size_t topic_count(const PublishRequest& request) {
  return 1 + request.further_topics().size();
}

// The ID as JSON. Most IDs are the log's own, which need no escaping.
std::string quoted(const std::string& id) {
  const bool is_plain = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
  return is_plain ? '"' + id + '"' : nlohmann::json(id).dump();
}

// One line for each request.
std::string answer_to(const std::vector<PublishRequest>& requests, std::span<const Published> published) {
  std::string answer;
  auto next = published.begin();
  for (const PublishRequest& request : requests) {
    answer.append("{");
    if (request.has_event()) {
      answer.append("\"id\":").append(quoted(next->id)).append(next->is_repeated() ? ",\"repeated\":true," : ",");
    }
    answer.append(R"("durability":")").append(name_of(next->durability)).append("\"}\n");
    next +=
        static_cast<std::ptrdiff_t>((request.has_event() ? 1 : 0) + (request.finishes() ? topic_count(request) : 0));
  }
  assert(next == published.end());
  return answer;
}

}  // namespace

std::size_t PublishPlan::bytes() const {
  return requests.capacity() * sizeof(PublishRequest) + publications.capacity() * sizeof(Publication);
}

void EventRoutes::subscribe(const httplib::Request& request, httplib::Response& response) const {
  if (!admission_.enter(request, response)) return;
  for (const auto& [name, value] : request.params) {
    if (const auto right = right_spelling_of(name)) {
      return refuse(request, response, 400, RefusalReason::kInvalid,
                    name + ": unknown parameter; the right spelling is " + std::string(*right));
    }
  }
  SubscribeOptions options{.client = request.get_param_value(std::string(protocol::kClientParameter)),
                           .note = request.get_param_value(std::string(protocol::kNoteParameter))};
  try {
    options.poll = asks_for(request, protocol::kModeParameter, protocol::kPollMode);
    options.topics = topics_in(request);
  } catch (const UnknownValue& unknown) {
    return refuse(request, response, 400, RefusalReason::kInvalid, unknown.sentence);
  } catch (const std::invalid_argument& failure) {
    return refuse(request, response, 400, RefusalReason::kInvalid, failure.what());
  }
  const std::uint64_t round = rights_.round();
  const auto decision = admission_.allow(request, response, Authorizer::Action::kSubscribe, options.topics);
  if (!decision) return;
  StreamRightPtr right;
  if (options_.authorizer != nullptr) {
    right = std::make_shared<StreamRight>(request, round, HttplibBridge::exchange_of(request).loop);
  }
  if (decision->until()) options.lifetime = time_until(*decision->until());
  options.user = decision->user();
  try {
    streams_.subscribe(request, response, std::move(options), {.right = std::move(right), .is_changeable = true});
  } catch (const std::invalid_argument& failure) {
    refuse(request, response, 400, RefusalReason::kInvalid, failure.what());
  }
}

// The checks that need no body.
bool EventRoutes::admits_publishing(const httplib::Request& request, httplib::Response& response) const {
  if (!admission_.enter(request, response)) return false;
  // Without an authorizer the answer does not depend on the body.
  return options_.authorizer != nullptr || admission_.allow(request, response, Authorizer::Action::kPublish, {});
}

void EventRoutes::refuse_as_too_large(const httplib::Request& request, httplib::Response& response) const {
  refuse(request, response, 413, RefusalReason::kBodyTooLarge,
         "body: larger than the limit of " + std::to_string(options_.publishing.max_bytes) + " bytes (" +
             name_of_option(options_, "publishing.max_bytes") + "); publish in several requests");
}

void EventRoutes::publish(const httplib::Request& request, httplib::Response& response, std::string_view body) const {
  PublishPlan its_plan;
  if (plan(request, response, body, its_plan)) answer(request, response, its_plan, hub_.publish(its_plan.publications));
}

bool EventRoutes::plan(const httplib::Request& request, httplib::Response& response, std::string_view body,
                       PublishPlan& plan) const {
  if (!admits_publishing(request, response)) return false;
  if (body.size() > options_.publishing.max_bytes) {
    refuse_as_too_large(request, response);
    return false;
  }
  return plan_body(request, response, body, plan);
}

void EventRoutes::publish(const httplib::Request& request, httplib::Response& response,
                          const httplib::ContentReader& read_content) const {
  if (!admits_publishing(request, response)) return;
  // A body that was decoded on the way no longer has a Content-Encoding.
  const std::string encoding = request.get_header_value("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    return refuse(request, response, 415, RefusalReason::kContentEncoding,
                  "Content-Encoding: \"" + encoding + "\" is not supported; send the body unencoded");
  }
  if (const auto body = HttplibBridge::body_in_memory(request)) {
    if (body->size() > options_.publishing.max_bytes) return refuse_as_too_large(request, response);
    return publish_body(request, response, *body);
  }
  // Unless the program has set another bound.
  if (HttplibBridge::exchange_of(request).max_body_bytes == options_.http.max_body_bytes) {
    HttplibBridge::allow_body(request,
                              std::max<std::uint64_t>(options_.http.max_body_bytes, options_.publishing.max_bytes));
  }
  std::string body;
  bool too_large = false;
  const bool complete = read_content([&](const char* data, std::size_t size) {
    too_large = too_large || body.size() + size > options_.publishing.max_bytes;
    if (too_large || !HttplibBridge::hold_body(request, body.size() + size)) return false;
    body.append(data, size);
    return true;
  });
  // A body that is refused unread, by the bound of all bodies, is too large for this route's bound as well.
  const Exchange& exchange = HttplibBridge::exchange_of(request);
  too_large = too_large || (exchange.body_failure == BodyFailure::kTooLarge &&
                            exchange.max_body_bytes >= options_.publishing.max_bytes);
  if (too_large) return refuse_as_too_large(request, response);
  if (!complete) return refuse_body(request, response);
  publish_body(request, response, body);
}

void EventRoutes::publish_body(const httplib::Request& request, httplib::Response& response,
                               std::string_view body) const {
  PublishPlan plan;
  if (plan_body(request, response, body, plan)) answer(request, response, plan, hub_.publish(plan.publications));
}

bool EventRoutes::plan_body(const httplib::Request& request, httplib::Response& response, std::string_view body,
                            PublishPlan& plan) const {
  std::string error;
  auto requests = parse_publish_body(body, hub_, error);
  if (!requests) {
    refuse(request, response, 400, RefusalReason::kInvalid, error);
    return false;
  }
  const auto decision = admission_.allow(request, response, Authorizer::Action::kPublish,
                                         options_.authorizer != nullptr ? topics_of(*requests) : TopicPatterns());
  if (!decision) return false;
  // An event of several topics counts once for each.
  std::size_t events = 0;
  for (const PublishRequest& one : *requests) events += topic_count(one);
  if (!admission_.take_events(request, decision->user(), events, response)) return false;
  plan.requests = std::move(*requests);
  // The prefix keeps a user's IDs apart from those of other publishers, whatever the user's name.
  plan.publisher = decision->user().empty() ? "anonymous" : "user " + decision->user();
  // Only retained events take a share, and to find the client's address may cost a call of the system.
  const bool may_retain =
      options_.history.retain.size() > 0 || std::any_of(plan.requests.begin(), plan.requests.end(),
                                                        [](const PublishRequest& one) { return one.is_retained(); });
  if (may_retain) plan.holder = holder_of(HttplibBridge::exchange_of(request), decision->user()).key();
  plan.trace = trace_of(request);
  plan.publications = publications_of(plan);
  return true;
}

void EventRoutes::answer(const httplib::Request& request, httplib::Response& response, const PublishPlan& plan,
                         std::span<const Published> published) const {
  assert(!published.empty());
  const Published& first = published.front();
  switch (first.outcome) {
    case Published::Outcome::kIdInUse:
      return refuse(request, response, 409, RefusalReason::kIdInUse, first.sentence);
    case Published::Outcome::kNotRetained:
      return refuse(request, response, 507, RefusalReason::kRetention, first.sentence);
    case Published::Outcome::kStoreUnavailable:
      refuse(request, response, 503, RefusalReason::kStore, kStoreTakesNothing);
      return response.set_header("Retry-After", admission_.retry_spread().draw());
    case Published::Outcome::kRefused:
      return refuse(request, response, 400, RefusalReason::kInvalid, first.sentence);
    case Published::Outcome::kPublished:
    case Published::Outcome::kRepeated:
      return response.set_content(answer_to(plan.requests, published),
                                  plan.requests.size() == 1 ? "application/json" : "application/x-ndjson");
  }
}

}  // namespace millrace
