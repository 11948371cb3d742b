#include "subscribe_plan.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "http/content_coding.h"
#include "millrace/core/field_value.h"
#include "millrace/core/limits.h"
#include "millrace/core/protocol.h"
#include "millrace/core/topic.h"
#include "millrace/server/limits.h"
#include "parameters.h"
#include "parse_json.h"

namespace millrace {

namespace {

void require_some(std::size_t topics) {
  if (topics == 0) {
    throw std::invalid_argument("topic: missing; add at least one, such as ?topic=orders&topic=stocks/**");
  }
  if (topics > kMaxTopicsPerSubscription) {
    throw std::invalid_argument("topic: more than " + std::to_string(kMaxTopicsPerSubscription) +
                                " in one subscription");
  }
}

CursorForm cursor_form_in(const std::string& form) {
  if (form == protocol::kCursorById) return CursorForm::kId;
  if (form == protocol::kCursorByEvent) return CursorForm::kEvent;
  if (form == protocol::kNoCursor) return CursorForm::kNone;
  throw UnknownValue{"cursor: expected id, event or none"};
}

// Of several values, all of which must be valid, the last counts.
CursorForm cursor_form_of(const httplib::Request& request, CursorForm otherwise) {
  for (const std::string& form : parameters_of(request, protocol::kCursorParameter)) otherwise = cursor_form_in(form);
  return otherwise;
}

// Adds a field to the form. False if there is no such field.
bool add_field(std::string_view name, WireForm& form) {
  const bool is_topic = name == protocol::kTopicField;
  const bool is_trace = name == protocol::kTraceFields;
  form.topic = form.topic || is_topic;
  form.trace = form.trace || is_trace;
  return is_topic || is_trace;
}

// Adds the fields of a list such as `topic,trace`. False if one is unknown; the others are added.
bool add_fields(std::string_view list, WireForm& form) {
  bool are_known = true;
  while (true) {
    const std::size_t end = list.find(',');
    std::string_view name = list.substr(0, end);
    while (name.starts_with(' ')) name.remove_prefix(1);
    are_known = add_field(name, form) && are_known;
    if (end == std::string_view::npos) return are_known;
    list.remove_prefix(end + 1);
  }
}

// From the parameter and the header. Ignores unknown values of the header, which comes from a client library, not from
// its user.
void read_fields(const httplib::Request& request, WireForm& form) {
  for (const std::string& list : parameters_of(request, protocol::kFieldsParameter)) {
    if (add_fields(list, form)) continue;
    throw UnknownValue{"fields: \"" + list + "\" is unknown; expected topic, trace, or both with a comma between"};
  }
  add_fields(request.get_header_value(std::string(protocol::kFieldsHeader)), form);
}

// `conflate`, or `conflate=250`.
Duration conflation_in(const std::string& text) {
  if (text.empty()) return Duration{0};
  Duration::rep interval = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, interval);
  if (error == std::errc{} && end == text_end && interval >= 1 && interval <= kMaxConflateInterval.count()) {
    return Duration{interval};
  }
  throw UnknownValue{"conflate: expected no value, or milliseconds from 1 to " +
                     std::to_string(kMaxConflateInterval.count())};
}

std::optional<Duration> conflation_of(const httplib::Request& request) {
  std::optional<Duration> conflation;
  for (const std::string& text : parameters_of(request, protocol::kConflateParameter)) conflation = conflation_in(text);
  return conflation;
}

// Compact, and without bytes that are not UTF-8, since it becomes part of events.
std::string checked_note(const std::string& text) {
  if (text.empty()) return {};
  const auto json = text.size() <= kMaxNoteBytes ? parse_json(text) : nlohmann::json(nullptr);
  std::string note = json.is_object() ? json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) : "";
  if (!note.empty() && note.size() <= kMaxNoteBytes) return note;
  throw std::invalid_argument("note: expected a JSON object of at most " + std::to_string(kMaxNoteBytes) +
                              R"( bytes, such as {"name":"Ada"})");
}

void read_parameters(SubscribePlan& plan, const httplib::Request& request, const SubscribeOptions& subscribe,
                     const ServerOptions& server) {
  plan.cursor_form = subscribe.cursor ? *subscribe.cursor : cursor_form_of(request, server.streams.cursor);
  read_fields(request, plan.form);
  plan.form.envelope = asks_for(request, protocol::kEnvelopeParameter, protocol::kJsonEnvelope);
  plan.conflate = subscribe.conflate ? subscribe.conflate : conflation_of(request);
}

bool takes_gzip(const httplib::Request& request) {
  std::string all;
  const auto [begin, end] = request.headers.equal_range("Accept-Encoding");
  for (auto field = begin; field != end; ++field) all.append(field->second).append(1, ',');
  return prefers_gzip(all);
}

}  // namespace

TopicPatterns topics_in(const httplib::Request& request) {
  const std::vector<std::string> texts = parameters_of(request, protocol::kTopicParameter);
  require_some(texts.size());
  return texts;
}

TopicPatterns patterns_of(const TopicFilter& filter) {
  TopicPatterns patterns;
  for (const TopicPattern& pattern : filter.patterns()) patterns.push_back(pattern);
  return patterns;
}

std::shared_ptr<const TopicFilter> filter_of(const TopicPatterns& topics) {
  require_some(topics.size());
  return std::make_shared<const TopicFilter>(std::vector<TopicPattern>(topics.begin(), topics.end()));
}

SubscribePlan plan_subscription(const httplib::Request& request, const RequestHead& head,
                                const SubscribeOptions& subscribe, const ServerOptions& server) {
  const bool is_plain = head.http_1_0 || head.is_http2;
  SubscribePlan plan{.filter = filter_of(subscribe.topics),
                     .last_event_id = head.last_event_id,
                     .form = {.coding = is_plain ? WireCoding::kPayload : WireCoding::kChunk}};
  if (subscribe.client.size() > kMaxClientNameBytes) {
    throw std::invalid_argument("client: longer than " + std::to_string(kMaxClientNameBytes) + " bytes");
  }
  if (subscribe.retry && (*subscribe.retry < Duration{0} || *subscribe.retry > kMaxReconnectionTime)) {
    throw std::invalid_argument("retry: must be 0 to " + std::to_string(kMaxReconnectionTime.count()) + " ms");
  }
  if (subscribe.conflate && (*subscribe.conflate < Duration{0} || *subscribe.conflate > kMaxConflateInterval)) {
    throw std::invalid_argument("conflate: must be 0 to " + std::to_string(kMaxConflateInterval.count()) + " ms");
  }
  if (const auto prefix = EventId::parse(subscribe.id_prefix);
      !prefix || !prefix->returns_in_a_header() || subscribe.id_prefix.size() > kMaxIdPrefixBytes) {
    throw std::invalid_argument("id_prefix: must be at most " + std::to_string(kMaxIdPrefixBytes) +
                                " bytes of UTF-8 without control characters, and not begin or end with a blank");
  }
  plan.note = checked_note(subscribe.note);
  const std::string asked = request.get_param_value(std::string(protocol::kLastEventIdParameter));
  if (plan.last_event_id.empty()) plan.last_event_id = asked;
  plan.latest = asked == protocol::kLatest || plan.last_event_id == protocol::kLatest;
  // A client that was sent away for good stays away, wherever the program begins its stream.
  if (subscribe.last_event_id && plan.last_event_id != protocol::kGoneForGood) {
    plan.last_event_id = *subscribe.last_event_id;
    plan.latest = plan.last_event_id == protocol::kLatest;
  }
  try {
    read_parameters(plan, request, subscribe, server);
  } catch (UnknownValue& unknown) {
    plan.refusal = std::move(unknown.sentence);
  }
  if (server.streams.gzip && !head.http_1_0 && takes_gzip(request)) {
    plan.form.coding = head.is_http2 ? WireCoding::kGzipPayload : WireCoding::kGzipChunk;
  }
  return plan;
}

}  // namespace millrace
