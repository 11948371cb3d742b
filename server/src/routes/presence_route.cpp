#include "presence_route.h"

#include <httplib.h>

#include <utility>
#include <vector>

#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "parameters.h"

namespace millrace {

namespace {

// Throws InvalidTopic.
std::vector<OwnedTopic> topics_asked_for(const httplib::Request& request) {
  const std::vector<std::string> texts = parameters_of(request, protocol::kTopicParameter);
  if (texts.empty()) throw InvalidTopic("topic: missing; add at least one, such as ?topic=rooms/1");
  if (texts.size() > kMaxTopicsPerSubscription) {
    throw InvalidTopic("topic: more than " + std::to_string(kMaxTopicsPerSubscription) + " in one request");
  }
  std::vector<OwnedTopic> topics;
  topics.reserve(texts.size());
  for (const std::string& text : texts) topics.emplace_back(detail::checked_topic(text));
  return topics;
}

// The same as to the events that say so.
std::optional<DemandedRight> right_to_look(const httplib::Request& request) {
  DemandedRight right{.action = Authorizer::Action::kSubscribe};
  for (const OwnedTopic& topic : topics_asked_for(request)) {
    right.topics.push_back(std::string(protocol::kPresenceEventType) + "/" + topic.text());
  }
  return right;
}

}  // namespace

GuardedRoute presence_route(std::string path, const Presence& presence) {
  return {.method = "GET",
          .path = std::move(path),
          .right = right_to_look,
          .handler = [&presence](const httplib::Request& request, httplib::Response& response) {
            std::string answer = "{\"topics\":[";
            for (const OwnedTopic& topic : topics_asked_for(request)) {
              if (answer.back() == '}') answer.append(",");
              answer.append(presence.look(topic));
            }
            response.set_header("Cache-Control", "no-store");
            response.set_content(answer.append("]}"), "application/json");
          }};
}

}  // namespace millrace
