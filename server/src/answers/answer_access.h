// AnswerAccess: checks whether the client of a request may use an answer: asks the authorizer, and compares the owner.
#pragma once

#include <httplib.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "answer_service.h"
#include "connection/stream_right.h"
#include "millrace/core/owned.h"
#include "millrace/core/time.h"
#include "millrace/server/answers.h"
#include "shares/refusal_reason.h"

namespace millrace {

/// The right of a request's client to listen to a topic.
struct AnswerRight {
  std::optional<Resumed> refusal = {};  ///< set if the request is refused; the response then says why
  std::string user = {};
  Duration lifetime{0};     ///< of its streams; 0: no end
  std::uint64_t round = 0;  ///< of the RightsReview in which it was granted
};

/// Asks the authorizer for the right; without one, grants it to `user`. A client without the right gets 403, or, with
/// `hides`, the same 404 as for an answer that does not exist.
AnswerRight right_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                            const OwnedTopic& topic, std::string_view user, bool hides);

/// A right, and the answer that it is for.
struct AnswerAccess {
  AnswerPtr answer;  ///< null: refused, as `right` says
  AnswerRight right;
};

/// Looks for the answer with this ID and checks the right to it. `as_owner`: only the owner has access, also to a
/// shared answer.
AnswerAccess access_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                              std::string_view id, std::string_view user, bool as_owner);

/// Records the right of the stream that is about to be opened, so that the server can ask again when rights change.
/// Null without an authorizer.
StreamRightPtr stream_right(AnswerService& service, const httplib::Request& request, const Answer::State& answer,
                            const AnswerRight& right);

/// Refuses the request.
Resumed refuse_answer(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
                      Resumed::Outcome outcome, std::string sentence);
/// Refuses the request with the 404 of an answer that does not exist.
Resumed refuse_as_unknown(const httplib::Request& request, httplib::Response& response);

}  // namespace millrace
