#include "millrace/server/formats/chat_completions.h"

#include "json_text.h"
#include "millrace/server/formats/error_bodies.h"

namespace millrace {

namespace {

constexpr std::string_view kDone = "[DONE]";

Json object_of(const AnswerHead& head, std::string_view object) {
  return {{"id", head.id}, {"object", object}, {"created", head.created}, {"model", head.model}};
}

FormattedEvent chunk(const AnswerHead& head, const Json& delta, const Json& finish_reason) {
  Json json = object_of(head, "chat.completion.chunk");
  json["choices"] = Json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish_reason}}});
  return {.data = text_of(json)};
}

Json json_of(const TokenUsage& usage) {
  return {{"prompt_tokens", usage.input},
          {"completion_tokens", usage.output},
          {"total_tokens", usage.input + usage.output}};
}

std::string_view finish_reason_of(AnswerFormat::State state) {
  return state == AnswerFormat::State::kCutShort ? "length" : "stop";
}

}  // namespace

void ChatCompletionsFormat::write_begin(FormattedEvents& out) {
  out.push_back(chunk(head(), {{"role", "assistant"}, {"content", ""}}, nullptr));
}

void ChatCompletionsFormat::write_text(std::string_view piece, FormattedEvents& out) {
  out.push_back(chunk(head(), {{"content", piece}}, nullptr));
}

FormattedEvents ChatCompletionsFormat::last_events(State how, std::string_view sentence, std::uint64_t) const {
  if (how == State::kFailed) return {{.data = openai_error_body(sentence, {}, "server_error")}};
  return {chunk(head(), Json::object(), finish_reason_of(how)), {.data = std::string(kDone)}};
}

void ChatCompletionsFormat::write_end(FormattedEvents& out) {
  FormattedEvents last = last_events(state(), failure(), 0);
  if (includes_usage_ && state() != State::kFailed) {
    Json json = object_of(head(), "chat.completion.chunk");
    json["choices"] = Json::array();
    json["usage"] = json_of(usage());
    last.insert(last.end() - 1, {.data = text_of(json)});
  }
  append_to(out, std::move(last));
}

std::optional<AnswerFormat::Read> ChatCompletionsFormat::read_event(const Event& event) {
  if (!event.type.empty()) return std::nullopt;
  if (event.data == kDone) return Read{.state = State::kComplete};
  const auto json = object_in(event.data);
  if (!json) return std::nullopt;
  if (json->contains("error")) return Read{.state = State::kFailed, .failure = string_at(*json, "/error/message")};
  if (string_at(*json, "/object") != "chat.completion.chunk") return std::nullopt;
  const std::string reason = string_at(*json, "/choices/0/finish_reason");
  const State state = reason.empty() ? State::kRunning : reason == "length" ? State::kCutShort : State::kComplete;
  return Read{.text = string_at(*json, "/choices/0/delta/content"), .state = state};
}

std::string ChatCompletionsFormat::body() const {
  if (state() == State::kFailed) return openai_error_body(failure(), {}, "server_error");
  Json json = object_of(head(), "chat.completion");
  const Json message = {{"role", "assistant"}, {"content", all_text()}, {"refusal", nullptr}};
  json["choices"] = Json::array({{{"index", 0}, {"message", message}, {"finish_reason", finish_reason_of(state())}}});
  json["usage"] = json_of(usage());
  return text_of(json);
}

}  // namespace millrace
