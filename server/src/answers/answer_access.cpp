#include "answer_access.h"

#include <memory>
#include <utility>
#include <vector>

#include "base/time_until.h"
#include "engine/engine.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "millrace/server/authorizer.h"

namespace millrace {

namespace {

using Outcome = Resumed::Outcome;

bool is_owner(const Answer::State& answer, const AnswerRight& right) {
  return answer.terms().owner.empty() || answer.terms().owner == right.user;
}

// Refuses a client to which the authorizer gives no right.
Resumed refuse_by(const Authorizer::Decision& decision, AnswerService& service, const httplib::Request& request,
                  httplib::Response& response, bool hides) {
  const std::string reason = decision.reason().empty() ? "not allowed" : decision.reason();
  if (decision.is_unavailable()) {
    response.set_header("Retry-After", service.retry_spread().draw());
    return refuse_answer(request, response, decision.status(), RefusalReason::kAuthorizer, Outcome::kUndecided, reason);
  }
  if (decision.status() == 401) {
    return refuse_answer(request, response, 401, RefusalReason::kUnauthenticated, Outcome::kUnauthenticated, reason);
  }
  if (hides) return refuse_as_unknown(request, response);
  return refuse_answer(request, response, 403, RefusalReason::kForbidden, Outcome::kInvalid, reason);
}

}  // namespace

Resumed refuse_answer(const httplib::Request& request, httplib::Response& response, int status, RefusalReason reason,
                      Outcome outcome, std::string sentence) {
  if (status == 401) response.set_header("WWW-Authenticate", "Bearer");
  refuse(request, response, status, reason, sentence);
  return {outcome, std::move(sentence)};
}

Resumed refuse_as_unknown(const httplib::Request& request, httplib::Response& response) {
  return refuse_answer(request, response, 404, RefusalReason::kUnknownAnswer, Outcome::kUnknown,
                       "no such answer: the ID is unknown, or the answer is no longer kept");
}

AnswerRight right_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                            const OwnedTopic& topic, std::string_view user, bool hides) {
  const auto& authorizer = service.engine().options().authorizer;
  if (authorizer == nullptr) return {.user = std::string(user)};
  TopicPatterns topics;
  topics.push_back(topic);
  const std::uint64_t round = service.engine().rights().round();
  const auto decision = authorizer->decide(request, Authorizer::Action::kSubscribe, topics);
  if (!decision.is_allowed()) return {.refusal = refuse_by(decision, service, request, response, hides)};
  return {.user = decision.user(),
          .lifetime = decision.until() ? time_until(*decision.until()) : Duration{0},
          .round = round};
}

AnswerAccess access_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                              std::string_view id, std::string_view user, bool as_owner) {
  // The authorizer is asked before the register: what it says must not depend on which answers exist.
  const auto topic = OwnedTopic::parse(std::string(service.options().topic).append(1, '/').append(id));
  if (!topic || id.find('/') != std::string_view::npos)
    return {nullptr, {.refusal = refuse_as_unknown(request, response)}};
  AnswerRight right = right_to_answer(service, request, response, *topic, user, true);
  if (right.refusal) return {nullptr, std::move(right)};
  AnswerPtr answer = service.answers().find(id);
  const bool is_open = answer != nullptr && ((answer->terms().is_shared && !as_owner) || is_owner(*answer, right));
  if (!is_open) return {nullptr, {.refusal = refuse_as_unknown(request, response)}};
  return {std::move(answer), std::move(right)};
}

StreamRightPtr stream_right(AnswerService& service, const httplib::Request& request, const Answer::State& answer,
                            const AnswerRight& right) {
  if (service.engine().options().authorizer == nullptr) return nullptr;
  const StreamRight of_request(request, right.round, HttplibBridge::exchange_of(request).loop);
  const std::vector<TopicPattern> topics{answer.terms().topic.get()};
  return std::make_shared<StreamRight>(of_request, std::make_shared<const TopicFilter>(topics), right.round);
}

}  // namespace millrace
