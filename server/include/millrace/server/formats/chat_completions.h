// ChatCompletionsFormat: an answer in the form of OpenAI's chat completions: `chat.completion.chunk` objects in events
// without a type, then `[DONE]`.
//
//   POST /v1/chat/completions {"stream": true, …}       send the returned events
//   POST /v1/chat/completions without `stream`          answer with body() once it is over
//
// OpenAI's clients do not reconnect to a chat completion that was cut off. They parse the data of every event as JSON,
// so the stream must have no cursor (CursorForm::kNone) and none of Millrace's own events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as chat completions. A stopped answer looks complete, because the format cannot express it. A failed
/// answer ends with an error in place of `[DONE]`, which OpenAI's clients throw.
class ChatCompletionsFormat final : public AnswerFormat {
 public:
  /// Throws std::invalid_argument if the head has no ID.
  explicit ChatCompletionsFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// Adds a chunk with the tokens before `[DONE]`: for requests with `stream_options: {"include_usage": true}`.
  void include_usage() { includes_usage_ = true; }

  /// A `chat.completion`; for a failed answer, the error.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "chat.completions";  ///< the format's name in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;

  bool includes_usage_ = false;
};

}  // namespace millrace
