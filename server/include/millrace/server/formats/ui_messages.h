// UiMessagesFormat: an answer as the UI message stream of the AI SDK (version 5 and newer), which `useChat` reads.
//
//   POST   /api/chat               {"id": CHAT, "messages": […]}: send the returned events
//   GET    /api/chat/CHAT/stream   requested by `resume: true` when a page opens: the chat's running answer, from its
//                                  beginning; 204 if no answer is running
//
// `stop()` of `useChat` only closes the connection, as closing the page does, so a button that stops the model needs
// its own route. The responses need the header kUiMessagesHeader. The AI SDK checks the data of every event against a
// strict schema, so the stream must have no cursor (CursorForm::kNone) and none of Millrace's own events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// The header by which the AI SDK recognises its stream. Its value is kUiMessagesVersion.
inline constexpr std::string_view kUiMessagesHeader = "x-vercel-ai-ui-message-stream";
/// The version of the stream.
inline constexpr std::string_view kUiMessagesVersion = "v1";

/// An answer as a UI message with one part of text. A stopped answer ends with `abort`, and a failed one with `error`,
/// which `useChat` reports.
class UiMessagesFormat final : public AnswerFormat {
 public:
  /// The head's ID becomes the message's. Throws std::invalid_argument if the head has no ID.
  explicit UiMessagesFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// The `UIMessage`, to store with the chat.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "ui";  ///< the format's name in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;
};

}  // namespace millrace
