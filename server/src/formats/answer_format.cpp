#include "millrace/server/formats/answer_format.h"

#include <stdexcept>
#include <utility>

#include "json_text.h"
#include "millrace/server/formats/anthropic_messages.h"
#include "millrace/server/formats/chat_completions.h"
#include "millrace/server/formats/responses.h"
#include "millrace/server/formats/ui_messages.h"

namespace millrace {

namespace {

// The number of bytes at the end of `text` that begin a character and wait for its remaining bytes.
std::size_t unfinished_at_end(std::string_view text) {
  for (std::size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const auto byte = static_cast<unsigned char>(text[text.size() - length]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t needed = byte >= 0xF5 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
    return needed > length ? length : 0;
  }
  return 0;
}

}  // namespace

AnswerFormat::AnswerFormat(AnswerHead head) : head_(std::move(head)) {
  if (head_.id.empty()) throw std::invalid_argument("head.id: an answer needs an ID");
}

FormattedEvents AnswerFormat::begin() {
  FormattedEvents out;
  if (state_ != State::kNew) return out;
  state_ = State::kRunning;
  write_begin(out);
  return out;
}

FormattedEvents AnswerFormat::text(std::string_view piece) {
  if (is_over()) return {};
  FormattedEvents out = begin();
  std::string joined = std::exchange(unfinished_, {});
  joined.append(piece);
  if (text_.size() + joined.size() > kMaxFormattedTextBytes) {
    append_to(out, cut_short());
    return out;
  }
  const std::size_t whole = joined.size() - unfinished_at_end(joined);
  unfinished_ = joined.substr(whole);
  append(std::string_view(joined).substr(0, whole), out);
  return out;
}

void AnswerFormat::append(std::string_view piece, FormattedEvents& out) {
  if (piece.empty()) return;
  text_.append(piece);
  write_text(piece, out);
}

FormattedEvents AnswerFormat::end(State state, std::string_view sentence) {
  if (is_over()) return {};
  FormattedEvents out = begin();
  append(std::exchange(unfinished_, {}), out);
  state_ = state;
  failure_ = sentence;
  write_end(out);
  return out;
}

FormattedEvents AnswerFormat::complete() {
  return end(State::kComplete);
}
FormattedEvents AnswerFormat::cut_short() {
  return end(State::kCutShort);
}
FormattedEvents AnswerFormat::stop() {
  return end(State::kStopped);
}
FormattedEvents AnswerFormat::fail(std::string_view sentence) {
  return end(State::kFailed, sentence);
}

std::string AnswerFormat::note() const {
  Json json = {{"format", name()}, {"model", head_.model}, {"created", head_.created}};
  if (is_in_background()) json["background"] = true;
  return text_of(json);
}

std::unique_ptr<AnswerFormat> format_from_note(std::string_view id, std::string_view note) {
  const auto json = object_in(note);
  if (!json || id.empty()) return nullptr;
  AnswerHead head = {.id = std::string(id), .model = string_at(*json, "/model")};
  if (const auto created = json->find("created"); created != json->end() && created->is_number_integer()) {
    head.created = created->get<std::int64_t>();
  }
  const std::string name = string_at(*json, "/format");
  if (name == ChatCompletionsFormat::kName) return std::make_unique<ChatCompletionsFormat>(std::move(head));
  if (name == AnthropicMessagesFormat::kName) return std::make_unique<AnthropicMessagesFormat>(std::move(head));
  if (name == UiMessagesFormat::kName) return std::make_unique<UiMessagesFormat>(std::move(head));
  if (name != ResponsesFormat::kName) return nullptr;
  const auto background =
      json->contains("background") ? ResponsesFormat::Background::kYes : ResponsesFormat::Background::kNo;
  return std::make_unique<ResponsesFormat>(std::move(head), background);
}

bool AnswerFormat::read(const Event& event) {
  if (event.data.size() > kMaxEventBytes) return false;
  const std::optional<Read> found = read_event(event);
  if (!found) return false;
  text_.append(found->text);
  if (!is_over()) state_ = found->state;
  if (!found->failure.empty()) failure_ = found->failure;
  return true;
}

}  // namespace millrace
