// UiMessagesFormat: an answer as the UI message stream of the AI SDK (version 5 and newer), which `useChat` reads.
//
//   POST   /api/chat               {"id": CHAT, "messages": […]}: send what the format returns
//   GET    /api/chat/CHAT/stream   asked for by `resume: true`, when a page opens: the chat's running answer, from its
//                                  beginning; 204 if none is running
//
// `stop()` of `useChat` closes the connection, as a page that is closed does, so a button that stops the model needs a
// route of its own. The responses need the header kUiMessagesHeader. The AI SDK reads the data of every event as JSON
// of a strict schema: the stream must have no cursor (CursorForm::kNone) and no event of Millrace's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/server/formats/answer_format.h"

namespace millrace {

/// The header, with kUiMessagesVersion as its value, by which the AI SDK knows its stream.
inline constexpr std::string_view kUiMessagesHeader = "x-vercel-ai-ui-message-stream";
/// The version of the stream.
inline constexpr std::string_view kUiMessagesVersion = "v1";

/// An answer as a UI message with one part of text. A stopped one ends with `abort`, a failed one with `error`, which
/// `useChat` reports.
class UiMessagesFormat final : public AnswerFormat {
 public:
  /// The ID is the message's. Throws std::invalid_argument if the head has none.
  explicit UiMessagesFormat(AnswerHead head) : AnswerFormat(std::move(head)) {}

  /// The `UIMessage`, to be kept with the chat.
  std::string body() const override;
  FormattedEvents last_events(State state, std::string_view sentence, std::uint64_t events) const override;
  std::string_view name() const override { return kName; }
  static constexpr std::string_view kName = "ui";  ///< in a note

 private:
  void write_begin(FormattedEvents& out) override;
  void write_text(std::string_view piece, FormattedEvents& out) override;
  void write_end(FormattedEvents& out) override;
  std::optional<Read> read_event(const Event& event) override;
};

}  // namespace millrace
