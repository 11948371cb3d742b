#include "answer_record.h"

#include <type_traits>
#include <utility>

#include "millrace/core/event_stream_parser.h"
#include "parse_json.h"

namespace millrace {

namespace {

using Clock = std::chrono::system_clock;

std::int64_t milliseconds_of(Clock::time_point time) {
  return std::chrono::duration_cast<Duration>(time.time_since_epoch()).count();
}

Clock::time_point time_of(std::int64_t milliseconds) {
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(Duration{milliseconds}));
}

// As they are stored: the values of AnswerEnd may move.
constexpr std::pair<AnswerEnd, std::string_view> kEnds[] = {
    {AnswerEnd::kNone, "running"},    {AnswerEnd::kFinished, "finished"}, {AnswerEnd::kFailed, "failed"},
    {AnswerEnd::kStopped, "stopped"}, {AnswerEnd::kAlone, "alone"},       {AnswerEnd::kTooLarge, "too_large"},
    {AnswerEnd::kTooOld, "too_old"},  {AnswerEnd::kTooFast, "too_fast"},  {AnswerEnd::kInterrupted, "interrupted"},
};

std::string_view name_of(AnswerEnd end) {
  for (const auto& [value, name] : kEnds) {
    if (value == end) return name;
  }
  return {};
}

std::optional<AnswerEnd> end_of(std::string_view name) {
  for (const auto& [value, known] : kEnds) {
    if (known == name) return value;
  }
  return std::nullopt;
}

// A store can be written to by others: what is missing, or of another type, makes it no record.
template <typename Value>
bool read(const nlohmann::json& json, const char* name, Value& value) {
  const auto found = json.find(name);
  if (found == json.end()) return false;
  if constexpr (std::is_same_v<Value, std::string>) {
    if (!found->is_string()) return false;
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (!found->is_boolean()) return false;
  } else if (!found->is_number_integer()) {
    return false;
  }
  value = found->get<Value>();
  return true;
}

}  // namespace

AnswerRecord AnswerRecord::of(const Answer::State& answer) {
  return {.terms = answer.terms(), .past = answer.past()};
}

std::string AnswerRecord::json() const {
  const nlohmann::json json = {{"id", terms.id},
                               {"owner", terms.owner},
                               {"note", terms.note},
                               {"shared", terms.is_shared},
                               {"beginning", terms.beginning},
                               {"begun", milliseconds_of(terms.begun)},
                               {"key", terms.key},
                               {"fingerprint", terms.fingerprint},
                               {"node", terms.node},
                               {"end", name_of(past.end)},
                               {"events", past.events},
                               {"ended", milliseconds_of(past.ended)}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<AnswerRecord> AnswerRecord::parse(std::string_view text, std::string_view topic) {
  const auto json = parse_json(text);
  if (!json.is_object()) return std::nullopt;
  std::string id;
  if (!read(json, "id", id)) return std::nullopt;
  auto its_topic = answer_topic(topic, id);
  if (!its_topic) return std::nullopt;
  AnswerRecord record{.terms = {.topic = std::move(*its_topic), .id = std::move(id)}};
  std::int64_t begun = 0;
  std::int64_t ended = 0;
  std::string end;
  Answer::State::Terms& terms = record.terms;
  const bool is_whole =
      read(json, "owner", terms.owner) && read(json, "note", terms.note) && read(json, "shared", terms.is_shared) &&
      read(json, "beginning", terms.beginning) && read(json, "begun", begun) && read(json, "key", terms.key) &&
      read(json, "fingerprint", terms.fingerprint) && read(json, "node", terms.node) && read(json, "end", end) &&
      read(json, "events", record.past.events) && read(json, "ended", ended);
  const auto known_end = end_of(end);
  if (!is_whole || !known_end) return std::nullopt;
  terms.begun = time_of(begun);
  record.past.end = *known_end;
  record.past.ended = time_of(ended);
  return record;
}

std::optional<OwnedTopic> answer_topic(std::string_view topic, std::string_view id) {
  const auto checked = EventId::parse(id);
  if (!checked || !checked->returns_in_a_header()) return std::nullopt;
  if (id.empty() || id.size() > kMaxAnswerIdBytes || id.find('/') != std::string_view::npos) return std::nullopt;
  return OwnedTopic::parse(std::string(topic).append(1, '/').append(id));
}

std::string record_prefix(std::string_view topic) {
  return std::string("millrace.answers/").append(topic).append(1, '/');
}

std::string request_prefix(std::string_view topic) {
  return std::string("millrace.answer-requests/").append(topic).append(1, '/');
}

OwnedTopic topic_about(const std::string& prefix, const std::string& id) {
  return OwnedTopic::parse(prefix + id).value();
}

OwnedTopic node_topic(std::string_view topic) {
  return OwnedTopic::parse(std::string("millrace.answer-nodes/").append(topic)).value();
}

std::string data_in(std::string_view payload) {
  EventStreamParser parser;
  parser.feed(payload);
  for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next()) {
    if (item == EventStreamParser::Item::kEvent) return std::string(parser.event().data);
    if (item == EventStreamParser::Item::kTooLarge) break;
  }
  return {};
}

}  // namespace millrace
