#include "stream_selection.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;

std::string text_of(const std::string& name, const json& value) {
  if (value.is_string() && !value.get_ref<const std::string&>().empty()) return value.get<std::string>();
  throw std::invalid_argument(name + ": must be a non-empty string");
}

OwnedTopic topic_of(const json& value) {
  const std::string text = text_of("topic", value);
  if (auto topic = OwnedTopic::parse(text)) return std::move(*topic);
  throw std::invalid_argument("topic: \"" + text + "\" is not a topic without wildcards");
}

Duration retry_of(const json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t(kMaxReconnectionTime.count())) {
    return Duration{value.get<Duration::rep>()};
  }
  throw std::invalid_argument("retry: must be milliseconds, 0 to " + std::to_string(kMaxReconnectionTime.count()));
}

bool flag_of(const std::string& name, const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  throw std::invalid_argument(name + ": must be true or false");
}

EndedStreams ended_by(const json& body) {
  if (!body.is_object() || body.empty()) {
    throw std::invalid_argument(R"(body: must be a JSON object with user, client or topic, such as {"user":"ada"})");
  }
  EndedStreams ended;
  for (const auto& [name, value] : body.items()) {
    if (name == "user") {
      ended.selection.user = text_of(name, value);
    } else if (name == "client") {
      ended.selection.client = text_of(name, value);
    } else if (name == "topic") {
      ended.selection.topic = topic_of(value);
    } else if (name == "retry") {
      ended.farewell.retry = retry_of(value);
    } else if (name == "forGood") {
      ended.farewell.for_good = flag_of(name, value);
    } else {
      throw std::invalid_argument('"' + name + "\" is not a field; expected user, client, topic, retry or forGood");
    }
  }
  const auto& [user, client, topic] = ended.selection;
  if (!user && !client && !topic.topic()) throw std::invalid_argument("user: missing, and so are client and topic");
  if (ended.farewell.for_good && ended.farewell.retry) {
    throw std::invalid_argument(
        "retry: has no effect with forGood, which keeps clients from reconnecting; leave out one of them");
  }
  return ended;
}

}  // namespace

std::optional<EndedStreams> parse_stream_selection(std::string_view body, std::string& error) {
  try {
    return ended_by(parse_json(body));
  } catch (const std::invalid_argument& failure) {
    error = failure.what();
    return std::nullopt;
  }
}

}  // namespace millrace
