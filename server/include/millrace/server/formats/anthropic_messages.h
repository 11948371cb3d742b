// AnthropicMessagesFormat: an answer as Anthropic's messages stream it: events whose type is also in their data.
//
//   POST /v1/messages {"stream": true, …}       send what the format returns, and ping() while the model is silent
//   POST /v1/messages without `stream`          answer with body() once it is over
//
// Anthropic's client does not come back to a message that was cut off. It passes over events whose type it does not
// know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as a message with one block of text. A stopped one looks complete (`end_turn`): the format has no word for
/// it. A failed one ends with an `error` event, which Anthropic's client throws.
class AnthropicMessagesFormat final : public AnswerFormat {
 public:
  /// Throws std::invalid_argument if the head has no ID.
  explicit AnthropicMessagesFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// A sign of life. It is no part of the answer and needs no place in it.
  static FormattedEvent ping();

  /// A `message`; of a failed answer, the error.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "messages";  ///< in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;
};

}  // namespace millrace
