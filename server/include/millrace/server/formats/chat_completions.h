// ChatCompletionsFormat: an answer as OpenAI's chat completions stream it: `chat.completion.chunk` objects in events
// without a type, then `[DONE]`.
//
//   POST /v1/chat/completions {"stream": true, …}       send what the format returns
//   POST /v1/chat/completions without `stream`          answer with body() once it is over
//
// OpenAI's clients do not come back to a chat completion that was cut off. They read the data of every event as JSON:
// the stream must have no cursor (CursorForm::kNone) and no event of Millrace's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as chat completions. A stopped one looks complete: the format has no word for it. A failed one ends with
/// an error in place of `[DONE]`, which OpenAI's clients throw.
class ChatCompletionsFormat final : public AnswerFormat {
 public:
  /// Throws std::invalid_argument if the head has no ID.
  explicit ChatCompletionsFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// Adds a chunk with the tokens before `[DONE]`: for requests with `stream_options: {"include_usage": true}`.
  void include_usage() { includes_usage_ = true; }

  /// A `chat.completion`; of a failed answer, the error.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "chat.completions";  ///< in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;

  bool includes_usage_ = false;
};

}  // namespace millrace
