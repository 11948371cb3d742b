#include "millrace/server/formats/anthropic_messages.h"

#include "json_text.h"
#include "millrace/server/formats/error_bodies.h"

namespace millrace {

namespace {

using State = AnswerFormat::State;

constexpr std::uint64_t kEventsOfABeginning = 3;

// An event whose data repeats its type.
FormattedEvent typed(EventType type, const Json& members) {
  Json json = {{"type", type.view()}};
  json.update(members);
  return {.type = type, .data = text_of(json)};
}

Json stop_reason_of(State state) {
  if (state <= State::kRunning) return nullptr;
  return state == State::kCutShort ? "max_tokens" : "end_turn";
}

Json message_of(const AnswerHead& head, State state, Json content, const TokenUsage& usage) {
  return {{"id", head.id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", head.model},
          {"content", std::move(content)},
          {"stop_reason", stop_reason_of(state)},
          {"stop_sequence", nullptr},
          {"usage", {{"input_tokens", usage.input}, {"output_tokens", usage.output}}}};
}

}  // namespace

FormattedEvent AnthropicMessagesFormat::ping() {
  return typed("ping", Json::object());
}

void AnthropicMessagesFormat::write_begin(FormattedEvents& out) {
  const Json message = message_of(head(), State::kRunning, Json::array(), {.input = usage().input});
  out.push_back(typed("message_start", {{"message", message}}));
  out.push_back(typed("content_block_start", {{"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}}}}));
  out.push_back(ping());
}

void AnthropicMessagesFormat::write_text(std::string_view piece, FormattedEvents& out) {
  const Json delta = {{"type", "text_delta"}, {"text", piece}};
  out.push_back(typed("content_block_delta", {{"index", 0}, {"delta", delta}}));
}

FormattedEvents AnthropicMessagesFormat::last_events(State how, std::string_view sentence, std::uint64_t events) const {
  if (how == State::kFailed) {
    return {{.type = EventType("error"), .data = anthropic_error_body(sentence, "api_error")}};
  }
  FormattedEvents out;
  const Json delta = {{"stop_reason", stop_reason_of(how)}, {"stop_sequence", nullptr}};
  if (events >= kEventsOfABeginning) out.push_back(typed("content_block_stop", {{"index", 0}}));
  out.push_back(typed("message_delta", {{"delta", delta}, {"usage", {{"output_tokens", usage().output}}}}));
  out.push_back(typed("message_stop", Json::object()));
  return out;
}

void AnthropicMessagesFormat::write_end(FormattedEvents& out) {
  append_to(out, last_events(state(), failure(), kEventsOfABeginning));
}

std::optional<AnswerFormat::Read> AnthropicMessagesFormat::read_event(const Event& event) {
  const std::string_view type = event.type.view();
  const auto json = object_in(event.data);
  if (!json || string_at(*json, "/type") != type) return std::nullopt;
  if (type == "content_block_delta") return Read{.text = string_at(*json, "/delta/text")};
  if (type == "error") return Read{.state = State::kFailed, .failure = string_at(*json, "/error/message")};
  if (type == "message_stop") return Read{.state = State::kComplete};
  if (type == "message_delta" && string_at(*json, "/delta/stop_reason") == "max_tokens") {
    return Read{.state = State::kCutShort};
  }
  const bool is_known = type.starts_with("message_") || type.starts_with("content_block_") || type == "ping";
  return is_known ? std::optional(Read{}) : std::nullopt;
}

std::string AnthropicMessagesFormat::body() const {
  if (state() == State::kFailed) return anthropic_error_body(failure(), "api_error");
  const Json content = Json::array({{{"type", "text"}, {"text", all_text()}}});
  return text_of(message_of(head(), state(), content, usage()));
}

}  // namespace millrace
