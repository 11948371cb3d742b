#include "publish_request.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "millrace/core/limits.h"
#include "millrace/server/limits.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;

struct FieldError {
  std::string sentence;
};

// An event's fields; FieldNames stores which were given by their index here.
constexpr std::array<std::string_view, 10> kFields = {"topic",  "data",   "event",      "id",          "retry",
                                                      "retain", "finish", "durability", "traceparent", "tracestate"};

// The names of one object's fields, to detect duplicates.
class FieldNames {
 public:
  /// Returns false if the name was inserted before.
  bool insert(const std::string& name) {
    const auto known = std::find(kFields.begin(), kFields.end(), name);
    if (known == kFields.end()) return others_.insert(name).second;
    bool& is_given = given_[static_cast<std::size_t>(known - kFields.begin())];
    return !std::exchange(is_given, true);
  }

 private:
  std::array<bool, kFields.size()> given_{};
  std::set<std::string> others_;
};

json parse_fields(std::string_view text) {
  FieldNames fields;
  // The parser would silently keep the last of two equal fields.
  const auto check = [&fields](int depth, json::parse_event_t event, json& parsed) {
    if (depth == 1 && event == json::parse_event_t::key && !fields.insert(parsed.get_ref<const std::string&>())) {
      throw FieldError{parsed.get<std::string>() + ": given twice"};
    }
    return true;
  };
  try {
    return parse_json_with(text, check);
  } catch (const std::length_error& failure) {
    throw FieldError{failure.what()};
  } catch (const json::exception& failure) {
    throw FieldError{std::string("the body is not JSON: ") + failure.what()};
  }
}

const std::string& string_in(const json& object, const char* name) {
  const json& value = object.at(name);
  if (!value.is_string()) throw FieldError{std::string(name) + ": must be a string, not " + value.type_name()};
  return value.get_ref<const std::string&>();
}

// `View`: EventType or EventId.
template <typename View>
Owned<View> field_in(const json& object, const std::string& name, std::size_t max_bytes) {
  auto value = Owned<View>::parse(string_in(object, name.c_str()));
  if (!value) {
    throw FieldError{name + ": must not contain CR, LF or NUL, or more than " + std::to_string(max_bytes) + " bytes"};
  }
  return std::move(*value);
}

Duration retry_in(const json& object) {
  const json& value = object.at("retry");
  if (!value.is_number_unsigned() ||
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxReconnectionTime.count())) {
    throw FieldError{"retry: must be a whole number of milliseconds from 0 to " +
                     std::to_string(kMaxReconnectionTime.count())};
  }
  return Duration{value.get<Duration::rep>()};
}

bool flag_in(const json& object, const std::string& name) {
  if (!object.contains(name)) return false;
  if (!object.at(name).is_boolean()) throw FieldError{name + ": must be true or false"};
  return object.at(name);
}

Durability durability_in(const json& object) {
  const std::string& name = string_in(object, "durability");
  const auto level = parse_durability(name);
  if (!level) {
    throw FieldError{"durability: \"" + name + "\" is not a level; expected " + std::string(kDurabilityNames)};
  }
  return *level;
}

// Stricter than with headers, which every proxy may add: an invalid field is the publisher's mistake.
OwnedTraceContext trace_in(const json& object) {
  if (!object.contains("traceparent")) {
    if (object.contains("tracestate")) throw FieldError{"tracestate: needs traceparent beside it"};
    return {};
  }
  const std::string& parent = string_in(object, "traceparent");
  const std::string state = object.contains("tracestate") ? string_in(object, "tracestate") : "";
  const auto trace = TraceContext::parse(parent, state);
  if (!trace) {
    throw FieldError{
        "traceparent: must be 00-<trace ID, 32 hexadecimal digits>-<parent ID, 16>-<flags, 2>, in lower "
        "case and with neither ID all zeros"};
  }
  if (trace->state() != state) {
    throw FieldError{"tracestate: must be a list of key=value with commas between, of at most " +
                     std::to_string(kMaxTraceStateMembers) + " members and " + std::to_string(kMaxTraceStateBytes) +
                     " bytes"};
  }
  return *trace;
}

OwnedTopic topic_in(const json& value) {
  if (!value.is_string()) {
    throw FieldError{std::string("topic: must be a string, or an array of strings; found ") + value.type_name()};
  }
  auto topic = OwnedTopic::parse(value.get_ref<const std::string&>());
  if (!topic) {
    throw FieldError{"topic: must be 1 to " + std::to_string(kMaxTopicBytes) +
                     " bytes of segments separated by /, without * and control characters"};
  }
  return std::move(*topic);
}

std::vector<OwnedTopic> topics_in(const json& value) {
  if (value.empty() || value.size() > kMaxTopicsPerEvent) {
    throw FieldError{"topic: an array must have 1 to " + std::to_string(kMaxTopicsPerEvent) + " topics, not " +
                     std::to_string(value.size())};
  }
  std::vector<OwnedTopic> topics;
  for (const json& one : value) topics.push_back(topic_in(one));
  return topics;
}

void check_names(const json& object) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
      throw FieldError{
          "\"" + name +
          "\" is not a field of an event; expected topic, data, event, id, retry, retain, finish, durability, "
          "traceparent or tracestate"};
    }
  }
}

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(kBlanks) == std::string_view::npos;
}

// One object may take several lines: then its first line is not JSON by itself.
bool is_ndjson(std::string_view body) {
  body.remove_prefix(std::min(body.find_first_not_of(kBlanks), body.size()));
  const std::string_view first = take_line(body);
  return !is_blank(body) && is_json(first);
}

}  // namespace

std::optional<PublishRequest> PublishRequest::parse(std::string_view text, const Hub& hub, std::string& error) {
  try {
    const json object = parse_fields(text);
    if (!object.is_object()) throw FieldError{std::string("expected a JSON object, not ") + object.type_name()};
    check_names(object);
    PublishRequest request;
    if (!object.contains("topic")) throw FieldError{"topic: missing"};
    if (const json& topic = object.at("topic"); topic.is_array()) {
      request.set_topics(topics_in(topic));
    } else {
      request.topic_ = topic_in(topic);
    }
    request.finish_ = flag_in(object, "finish");
    request.retain_ = flag_in(object, "retain");
    if (object.contains("data")) {
      const json& data = object.at("data");
      request.data_ = data.is_string() ? data.get<std::string>() : data.dump();
    } else if (!request.finish_) {
      throw FieldError{"data: missing (an empty string is allowed)"};
    }
    if (object.contains("event")) request.type_ = field_in<EventType>(object, "event", kMaxEventTypeBytes);
    if (object.contains("id")) {
      request.id_ = field_in<EventId>(object, "id", kMaxEventIdBytes);
      if (request.id_.text().empty()) throw FieldError{"id: must not be empty; omit it and the server chooses one"};
    }
    if (object.contains("retry")) request.retry_ = retry_in(object);
    request.trace_ = trace_in(object);
    if (object.contains("durability")) request.durability_ = durability_in(object);
    if (auto unmet = hub.refusal(request.durability_)) throw FieldError{std::move(*unmet)};
    const auto event = request.event();
    auto refusal = request.refusal(hub);
    if (refusal) throw FieldError{std::move(refusal->sentence)};
    if (request.retain_ && !event) throw FieldError{"retain: there is no event to retain; add data"};
    if (request.retain_ && !hub.retains()) throw FieldError{std::string(Hub::kRetainsNothing)};
    return request;
  } catch (FieldError& failure) {
    error = std::move(failure.sentence);
    return std::nullopt;
  }
}

void PublishRequest::set_topics(std::vector<OwnedTopic> topics) {
  if (topics.size() > 1) {
    further_topics_ = std::make_shared<const OwnedList<Topic>>(std::vector<Topic>(topics.begin() + 1, topics.end()));
  }
  topic_ = std::move(topics.front());
}

std::optional<Hub::Refusal> PublishRequest::refusal(const Hub& hub) const {
  const auto its_event = event();
  if (further_topics_ == nullptr) return its_event ? hub.refusal(topic(), *its_event) : Hub::refusal(topic());
  return its_event ? hub.refusal(topics(), *its_event) : Hub::refusal(topics());
}

std::span<const Topic> PublishRequest::further_topics() const {
  if (further_topics_ == nullptr) return {};
  return further_topics_->views();
}

std::vector<Topic> PublishRequest::topics() const {
  std::vector<Topic> topics{topic()};
  const auto further = further_topics();
  topics.insert(topics.end(), further.begin(), further.end());
  return topics;
}

std::optional<Event> PublishRequest::event() const {
  if (!data_) return std::nullopt;
  return Event{.type = type_, .data = *data_, .id = id_, .retry = retry_, .trace = trace_};
}

std::optional<std::vector<PublishRequest>> parse_publish_body(std::string_view body, const Hub& hub,
                                                              std::string& error) {
  std::vector<PublishRequest> requests;
  if (!is_ndjson(body)) {
    auto whole = PublishRequest::parse(body, hub, error);
    if (!whole) return std::nullopt;
    requests.push_back(std::move(*whole));
    return requests;
  }
  std::string_view rest = body;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = take_line(rest);
    if (is_blank(line)) continue;
    auto request = PublishRequest::parse(line, hub, error);
    if (!request) {
      error = "line " + std::to_string(number) + ": " + error;
      return std::nullopt;
    }
    requests.push_back(std::move(*request));
  }
  return requests;
}

}  // namespace millrace
