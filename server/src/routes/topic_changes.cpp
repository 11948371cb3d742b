#include "topic_changes.h"

#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <vector>

#include "httplib/refusal.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "parse_json.h"
#include "silent_loops.h"
#include "small_body.h"
#include "subscribe_plan.h"

namespace millrace {

namespace {

using nlohmann::json;

// Throws std::invalid_argument, with a sentence that begins with the field's name.
TopicPatterns patterns_in(const json& value, const std::string& name) {
  const json list = value.is_array() ? value : json::array({value});
  if (list.size() > kMaxTopicsPerSubscription) {
    throw std::invalid_argument(name + ": more than " + std::to_string(kMaxTopicsPerSubscription) + " patterns");
  }
  TopicPatterns patterns;
  for (const json& one : list) {
    if (!one.is_string()) throw std::invalid_argument(name + ": must be a pattern, or an array of patterns");
    try {
      patterns.push_back(one.get_ref<const std::string&>());
    } catch (const InvalidTopic& failure) {
      throw std::invalid_argument(name + ": " + failure.what());
    }
  }
  return patterns;
}

AskedTopics asked_in(const json& body) {
  if (!body.is_object()) {
    throw std::invalid_argument(R"(body: must be a JSON object with add or remove, such as {"add":["orders/**"]})");
  }
  AskedTopics asked;
  for (const auto& [name, value] : body.items()) {
    if (name == "add") {
      asked.add = patterns_in(value, name);
    } else if (name == "remove") {
      asked.remove = patterns_in(value, name);
    } else if (name != protocol::kLastEventIdParameter) {
      throw std::invalid_argument('"' + name + "\" is not a field; expected add, remove or lastEventId");
    } else if (value != protocol::kLatest) {
      throw std::invalid_argument("lastEventId: expected \"latest\", or no such field");
    } else {
      asked.with_state = true;
    }
  }
  if (asked.add.empty() && asked.remove.empty()) throw std::invalid_argument("add: missing, and so is remove");
  return asked;
}

// Texts, so that each pattern is there once.
std::set<std::string> topics_with(const TopicFilter& filter, const AskedTopics& asked) {
  std::set<std::string> topics;
  for (const TopicPattern& pattern : filter.patterns()) topics.emplace(pattern.view());
  for (const OwnedTopicPattern& pattern : asked.remove) topics.erase(pattern.text());
  for (const OwnedTopicPattern& pattern : asked.add) topics.insert(pattern.text());
  return topics;
}

TopicPatterns patterns_of(const std::set<std::string>& texts) {
  return std::vector<std::string>(texts.begin(), texts.end());
}

// Those of which the state is asked for; null if none. Also of topics that the stream has: its client asks again if it
// was cut off before the state had come.
std::shared_ptr<const TopicFilter> with_state(const AskedTopics& asked) {
  return asked.with_state && !asked.add.empty() ? filter_of(asked.add) : nullptr;
}

// What follows the last slash of the path, which cpp-httplib has decoded.
std::string client_in(const httplib::Request& request) {
  return request.path.substr(request.path.rfind('/') + 1);
}

}  // namespace

std::optional<AskedTopics> parse_topic_change(std::string_view body, std::string& error) {
  try {
    return asked_in(parse_json(body));
  } catch (const std::invalid_argument& failure) {
    error = failure.what();
    return std::nullopt;
  }
}

void TopicChanges::answer(const httplib::Request& request, httplib::Response& response,
                          const httplib::ContentReader& read_content) const {
  if (!admission_.enter(request, response)) return;
  const auto body = read_small_body(request, response, read_content, kMaxTopicChangeBytes);
  if (!body) return;
  std::string error;
  const auto asked = parse_topic_change(*body, error);
  if (!asked) return refuse(request, response, 400, RefusalReason::kInvalid, error);
  const auto name = name_of_stream(request, response, *asked);
  if (!name) return;
  for (int tries = 0; tries < kMostChangesMeanwhile; ++tries) {
    if (change(request, response, *name, *asked) != Outcome::kMeanwhile) return;
  }
  refuse(request, response, 409, RefusalReason::kInvalid, "the stream's topics are being changed by others; try again");
}

// The authorizer is asked about the topics of the request before its stream is looked for, among those of its user: so
// no client learns of another's stream, or keeps another from one by taking its name.
std::optional<StreamName> TopicChanges::name_of_stream(const httplib::Request& request, httplib::Response& response,
                                                       const AskedTopics& asked) const {
  const auto decision =
      admission_.allow(request, response, Authorizer::Action::kSubscribe, asked.add.empty() ? asked.remove : asked.add);
  if (!decision) return std::nullopt;
  StreamName name{.user = decision->user(), .client = client_in(request)};
  if (!name.user.empty() || name.client.size() >= kShortestKeyBytes) return name;
  refuse(request, response, 403, RefusalReason::kForbidden,
         "client: without a user, a stream's topics can be changed only if its name is random and has at least " +
             std::to_string(kShortestKeyBytes) + " characters");
  return std::nullopt;
}

TopicChanges::Outcome TopicChanges::change(const httplib::Request& request, httplib::Response& response,
                                           const StreamName& name, const AskedTopics& asked) const {
  const auto refused = [&](int status, RefusalReason reason, const std::string& sentence) {
    refuse(request, response, status, reason, sentence);
    return Outcome::kRefused;
  };
  const auto no_such_stream = [&] {
    return refused(404, RefusalReason::kInvalid, "client: no open stream of yours has this name; subscribe again");
  };
  const auto silent = [&](const std::string& consequence) {
    refuse_silence(request, response, 1, consequence);
    return Outcome::kRefused;
  };
  const auto [stream, silent_when_asked] = ports_.find(name);
  if (silent_when_asked > 0) return silent("the stream's topics stay as they are; try again");
  if (!stream) return no_such_stream();
  const auto topics = topics_with(*stream->filter, asked);
  std::shared_ptr<const TopicFilter> filter;
  try {
    filter = filter_of(patterns_of(topics));
  } catch (const std::invalid_argument& failure) {
    return refused(400, RefusalReason::kInvalid,
                   topics.empty() ? "remove: no topic would be left; close the stream instead" : failure.what());
  }
  const std::uint64_t round = rights_.round();
  const auto decision = admission_.allow(request, response, Authorizer::Action::kSubscribe, patterns_of(topics));
  if (!decision) return Outcome::kRefused;
  if (decision->user() != name.user) return no_such_stream();
  const auto [has_changed, silent_then] = ports_.change({.name = name,
                                                         .opening = stream->opening,
                                                         .from = stream->filter,
                                                         .to = filter,
                                                         .with_state = with_state(asked),
                                                         .asked_in = round,
                                                         .until = decision->until()});
  if (silent_then > 0) return silent("the stream's topics change when it goes on; try again to be sure");
  if (!has_changed) return Outcome::kMeanwhile;
  response.set_content(json{{"topics", topics}}.dump(), "application/json");
  return Outcome::kChanged;
}

}  // namespace millrace
