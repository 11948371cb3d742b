#include "millrace/server/formats/ui_messages.h"

#include "json_text.h"

namespace millrace {

namespace {

using State = AnswerFormat::State;

constexpr std::uint64_t kEventsOfABeginning = 3;
constexpr std::string_view kDone = "[DONE]";
constexpr std::string_view kPart = "text-1";  // ID of the only part

FormattedEvent chunk(std::string_view type, const Json& members = Json::object()) {
  Json json = {{"type", type}};
  json.update(members);
  return {.data = text_of(json)};
}

}  // namespace

void UiMessagesFormat::write_begin(FormattedEvents& out) {
  out.push_back(chunk("start", {{"messageId", head().id}}));
  out.push_back(chunk("start-step"));
  out.push_back(chunk("text-start", {{"id", kPart}}));
}

void UiMessagesFormat::write_text(std::string_view piece, FormattedEvents& out) {
  out.push_back(chunk("text-delta", {{"id", kPart}, {"delta", piece}}));
}

FormattedEvents UiMessagesFormat::last_events(State how, std::string_view sentence, std::uint64_t events) const {
  FormattedEvents out;
  if (events >= kEventsOfABeginning) {
    out.push_back(chunk("text-end", {{"id", kPart}}));
    out.push_back(chunk("finish-step"));
  }
  if (how == State::kStopped) {
    out.push_back(chunk("abort"));
  } else if (how == State::kFailed) {
    out.push_back(chunk("error", {{"errorText", sentence}}));
  } else {
    out.push_back(chunk("finish", {{"finishReason", how == State::kCutShort ? "length" : "stop"}}));
  }
  out.push_back({.data = std::string(kDone)});
  return out;
}

void UiMessagesFormat::write_end(FormattedEvents& out) {
  append_to(out, last_events(state(), failure(), kEventsOfABeginning));
}

std::optional<AnswerFormat::Read> UiMessagesFormat::read_event(const Event& event) {
  if (!event.type.empty()) return std::nullopt;
  if (event.data == kDone) return Read{.state = State::kComplete};
  const auto json = object_in(event.data);
  const std::string type = json ? string_at(*json, "/type") : "";
  if (type == "text-delta") return Read{.text = string_at(*json, "/delta")};
  if (type == "abort") return Read{.state = State::kStopped};
  if (type == "error") return Read{.state = State::kFailed, .failure = string_at(*json, "/errorText")};
  if (type == "finish") {
    const bool is_cut = string_at(*json, "/finishReason") == "length";
    return Read{.state = is_cut ? State::kCutShort : State::kComplete};
  }
  return type.empty() ? std::nullopt : std::optional(Read{});
}

std::string UiMessagesFormat::body() const {
  const Json part = {{"type", "text"}, {"text", all_text()}, {"state", is_over() ? "done" : "streaming"}};
  return text_of({{"id", head().id}, {"role", "assistant"}, {"parts", Json::array({part})}});
}

}  // namespace millrace
