// last_events_in_format(): what ends an answer of an Answers service whose events are in a vendor's format.
//
// Give the service the function, and each answer its format's note: then an answer that is stopped, fails, or whose
// producer has died ends as the vendor's clients expect.
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

/// For AnswersOptions::last_events. An answer that its producer has finished gets none, since the format has returned
/// its end. One without a format's note gets what it would get without this function.
std::vector<OwnedAnswerEvent> last_events_in_format(const AnswerEnding& ending);

}  // namespace millrace
