#include "millrace/server/formats/last_events.h"

#include "json_text.h"
#include "millrace/server/formats/answer_format.h"

namespace millrace {

namespace {

using State = AnswerFormat::State;

State state_of(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::kNone:
    case AnswerEnd::kFinished:
      return State::kComplete;
    case AnswerEnd::kStopped:
    case AnswerEnd::kAlone:
      return State::kStopped;
    case AnswerEnd::kTooLarge:
    case AnswerEnd::kTooOld:
      return State::kCutShort;
    case AnswerEnd::kFailed:
    case AnswerEnd::kTooFast:
    case AnswerEnd::kInterrupted:
      return State::kFailed;
  }
  return State::kFailed;
}

// The event that the service sends without this function.
OwnedAnswerEvent without_format(const AnswerEnding& ending) {
  const std::string data = text_of({{"reason", ending.sentence}});
  if (state_of(ending.end) == State::kStopped) return {.type = EventType("stopped"), .data = data};
  if (ending.end == AnswerEnd::kInterrupted) return {.type = EventType("interrupted"), .data = data};
  return {.type = EventType("failed"), .data = data};
}

// An answer without an event needs its beginning first.
FormattedEvents whole_answer(AnswerFormat& format, State state, std::string_view sentence) {
  if (state == State::kStopped) return format.stop();
  return state == State::kFailed ? format.fail(sentence) : format.cut_short();
}

}  // namespace

std::vector<OwnedAnswerEvent> last_events_in_format(const AnswerEnding& ending) {
  if (ending.end == AnswerEnd::kFinished) return {};
  const auto format = format_from_note(ending.id, ending.note);
  if (!format) return {without_format(ending)};
  const State state = state_of(ending.end);
  const std::uint64_t before = ending.number - 1;
  std::vector<OwnedAnswerEvent> last;
  for (FormattedEvent& event : before == 0 ? whole_answer(*format, state, ending.sentence)
                                           : format->last_events(state, ending.sentence, before)) {
    last.push_back({.type = std::move(event.type), .data = std::move(event.data)});
  }
  return last;
}

}  // namespace millrace
