#include "millrace/server/answer.h"

namespace millrace {

std::string_view sentence_of(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::kNone:
      return "the answer is running";
    case AnswerEnd::kFinished:
      return "the answer is finished";
    case AnswerEnd::kFailed:
      return "the answer has failed";
    case AnswerEnd::kStopped:
      return "the answer was stopped";
    case AnswerEnd::kAlone:
      return "nobody was listening to the answer any more";
    case AnswerEnd::kTooLarge:
      return "the answer has reached its maximum size";
    case AnswerEnd::kTooOld:
      return "the answer has run for its maximum time";
    case AnswerEnd::kTooFast:
      return "the answer came faster than it could be stored";
    case AnswerEnd::kInterrupted:
      return "the server that produced the answer has ended";
  }
  return {};
}

}  // namespace millrace
