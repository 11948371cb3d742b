// AnthropicMessagesFormat: an answer in the form of Anthropic's messages: events whose type is also in their data.
//
//   POST /v1/messages {"stream": true, …}       send the returned events, and ping() while the model is silent
//   POST /v1/messages without `stream`          answer with body() once it is over
//
// Anthropic's client does not reconnect to a message that was cut off. It ignores events of unknown types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// An answer as a message with one block of text. A stopped answer looks complete (`end_turn`), because the format
/// cannot express it. A failed answer ends with an `error` event, which Anthropic's client throws.
class AnthropicMessagesFormat final : public AnswerFormat {
 public:
  /// Throws std::invalid_argument if the head has no ID.
  explicit AnthropicMessagesFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// A keepalive event. It is not part of the answer and may be sent anywhere.
  static FormattedEvent ping();

  /// A `message`; for a failed answer, the error.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "messages";  ///< the format's name in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;
};

}  // namespace millrace
