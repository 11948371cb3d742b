// last_events_in_format(): ends the answers of an Answers service in a vendor's format.
//
// Give the function to the service, and its format's note to each answer. Then an answer ends as the vendor's clients
// expect, even if it is stopped, fails, or loses its producer.
//
//   millrace::Answers answers(server, {.cursor = millrace::CursorForm::kNone,
//                                      .last_events = millrace::last_events_in_format});
//   millrace::ResponsesFormat format({.id = id, .model = "toy", .created = now});
//   auto answer = answers.begin(req, res, {.id = id, .note = format.note()});
//   for (const FormattedEvent& event : format.text("Hello")) answer.send({.type = event.type, .data = event.data});
#pragma once

#include <vector>

#include "millrace/server/answers.h"

namespace millrace {

/// For AnswersOptions::last_events. Adds nothing to an answer that its producer has finished, because the format has
/// returned its end. An answer without a format's note ends as it would without this function.
std::vector<OwnedAnswerEvent> last_events_in_format(const AnswerEnding& ending);

}  // namespace millrace
