#include "millrace/server/formats/responses.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "json_text.h"

namespace millrace {

namespace {

using State = AnswerFormat::State;

std::string item_id_of(const AnswerHead& head) {
  return "msg_" + head.id;
}

Json part_of(std::string_view text) {
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
}

Json item_of(const AnswerHead& head, std::string_view status, Json content) {
  return {{"id", item_id_of(head)},
          {"type", "message"},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

std::string_view status_of(State state) {
  switch (state) {
    case State::kNew:
      return "queued";
    case State::kRunning:
      return "in_progress";
    case State::kComplete:
      return "completed";
    case State::kCutShort:
      return "incomplete";
    case State::kStopped:
      return "cancelled";
    case State::kFailed:
      return "failed";
  }
  return "failed";
}

std::string_view item_status_of(State state) {
  if (state <= State::kRunning) return "in_progress";
  return state == State::kComplete ? "completed" : "incomplete";
}

Json json_of(const TokenUsage& usage) {
  return {{"input_tokens", usage.input},
          {"input_tokens_details", {{"cached_tokens", 0}}},
          {"output_tokens", usage.output},
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", usage.input + usage.output}};
}

// The response object's words for a state of the answer.
struct Snapshot {
  const AnswerHead& head;
  State state;
  bool is_in_background;
  std::string_view text;
  const TokenUsage& usage;
  std::string_view failure;
};

Json output_of(const Snapshot& answer) {
  if (answer.state == State::kNew) return Json::array();
  return Json::array({item_of(answer.head, item_status_of(answer.state), Json::array({part_of(answer.text)}))});
}

Json json_of(const Snapshot& answer) {
  const bool has_failed = answer.state == State::kFailed;
  const Json error = has_failed ? Json{{"code", "server_error"}, {"message", answer.failure}} : Json(nullptr);
  const Json why = answer.state == State::kCutShort ? Json{{"reason", "max_output_tokens"}} : Json(nullptr);
  return {{"id", answer.head.id},
          {"object", "response"},
          {"created_at", answer.head.created},
          {"status", status_of(answer.state)},
          {"background", answer.is_in_background},
          {"error", error},
          {"incomplete_details", why},
          {"instructions", nullptr},
          {"metadata", Json::object()},
          {"model", answer.head.model},
          {"output", output_of(answer)},
          {"parallel_tool_calls", true},
          {"temperature", nullptr},
          {"tool_choice", "auto"},
          {"tools", Json::array()},
          {"top_p", nullptr},
          {"usage", answer.state > State::kRunning ? json_of(answer.usage) : Json(nullptr)}};
}

// Appends events and numbers them.
class Numbered {
 public:
  Numbered(std::uint64_t& next, FormattedEvents& out) : next_(next), out_(out) {}

  void add(EventType type, const Json& members) {
    Json json = {{"type", type.view()}, {"sequence_number", next_++}};
    json.update(members);
    out_.push_back({.type = type, .data = text_of(json)});
  }

 private:
  std::uint64_t& next_;
  FormattedEvents& out_;
};

EventType type_of_end(State state) {
  if (state == State::kComplete) return "response.completed";
  if (state == State::kFailed) return "response.failed";
  return "response.incomplete";
}

// The members of an event about the only item's text.
Json place_in(const AnswerHead& head, const Json& members) {
  Json json = {{"item_id", item_id_of(head)}, {"output_index", 0}, {"content_index", 0}};
  json.update(members);
  return json;
}

}  // namespace

std::string ResponsesFormat::body() const {
  return text_of(json_of(Snapshot{head(), state(), is_in_background(), all_text(), usage(), failure()}));
}

void ResponsesFormat::write_begin(FormattedEvents& out) {
  Numbered events(next_, out);
  Json response = json_of(Snapshot{head(), State::kRunning, is_in_background(), {}, usage(), {}});
  response["output"] = Json::array();
  events.add("response.created", {{"response", response}});
  events.add("response.in_progress", {{"response", response}});
  events.add("response.output_item.added",
             {{"output_index", 0}, {"item", item_of(head(), "in_progress", Json::array())}});
  events.add("response.content_part.added", place_in(head(), {{"part", part_of({})}}));
}

void ResponsesFormat::write_text(std::string_view piece, FormattedEvents& out) {
  const Json members = place_in(head(), {{"delta", piece}, {"logprobs", Json::array()}});
  Numbered(next_, out).add("response.output_text.delta", members);
}

void ResponsesFormat::write_end(FormattedEvents& out) {
  Numbered events(next_, out);
  const Json item = item_of(head(), item_status_of(state()), Json::array({part_of(all_text())}));
  events.add("response.output_text.done", place_in(head(), {{"text", all_text()}, {"logprobs", Json::array()}}));
  events.add("response.content_part.done", place_in(head(), {{"part", part_of(all_text())}}));
  events.add("response.output_item.done", {{"output_index", 0}, {"item", item}});
  const Json response = json_of(Snapshot{head(), state(), is_in_background(), all_text(), usage(), failure()});
  events.add(type_of_end(state()), {{"response", response}});
}

FormattedEvents ResponsesFormat::last_events(State how, std::string_view sentence, std::uint64_t events) const {
  Json response = json_of(Snapshot{head(), how, is_in_background(), {}, usage(), sentence});
  response.erase("output");  // clients then keep the output that they have
  FormattedEvents out;
  Numbered(events, out).add(type_of_end(how), {{"response", response}});
  return out;
}

std::optional<std::uint64_t> ResponsesFormat::events_before(std::string_view starting_after) {
  std::uint64_t number = 0;
  const char* end = starting_after.data() + starting_after.size();
  const auto [read, failure] = std::from_chars(starting_after.data(), end, number);
  if (failure != std::errc() || read != end || number == std::numeric_limits<std::uint64_t>::max()) {
    return std::nullopt;
  }
  return number + 1;
}

std::optional<AnswerFormat::Read> ResponsesFormat::read_event(const Event& event) {
  const std::string_view type = event.type.view();
  if (!type.starts_with("response.")) return std::nullopt;
  const auto json = object_in(event.data);
  if (!json || string_at(*json, "/type") != type) return std::nullopt;
  const auto number = json->find("sequence_number");
  if (number == json->end() || !number->is_number_unsigned() || number->get<std::uint64_t>() != next_) {
    return std::nullopt;
  }
  ++next_;
  if (type == "response.output_text.delta") return Read{.text = string_at(*json, "/delta")};
  if (type == "response.completed") return Read{.state = State::kComplete};
  if (type == "response.failed") {
    return Read{.state = State::kFailed, .failure = string_at(*json, "/response/error/message")};
  }
  if (type != "response.incomplete") return Read{};
  return Read{.state = string_at(*json, "/response/status") == "cancelled" ? State::kStopped : State::kCutShort};
}

}  // namespace millrace
