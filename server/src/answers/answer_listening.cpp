#include "answer_listening.h"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/engine.h"
#include "millrace/core/protocol.h"

namespace millrace {

namespace {

using Outcome = Resumed::Outcome;

// The whole of `text` as a number.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Outcome outcome_of(Subscribed::Outcome outcome) {
  switch (outcome) {
    case Subscribed::Outcome::kOpen:
      return Outcome::kOpen;
    case Subscribed::Outcome::kFinished:
      return Outcome::kWhole;
    case Subscribed::Outcome::kHeadOnly:
      return Outcome::kHeadOnly;
    case Subscribed::Outcome::kInvalid:
      return Outcome::kInvalid;
    case Subscribed::Outcome::kDraining:
      return Outcome::kDraining;
    case Subscribed::Outcome::kStoreUnavailable:
      return Outcome::kStoreUnavailable;
    case Subscribed::Outcome::kTooMany:
      return Outcome::kTooMany;
  }
  return Outcome::kInvalid;
}

AnswerStart start_after(AnswerService& service, const Answer::State& answer, std::uint64_t number) {
  if (const auto all = answer.events_when_over(); all && number >= *all) return {service.hub().cursor(), true};
  // How far another server's answer has come is not known here.
  if (answer.is_produced_here() && number > answer.events()) return {service.hub().cursor()};
  return {service.place_after(answer, number)};
}

}  // namespace

std::string last_event_id_of(const httplib::Request& request) {
  std::string id = request.get_header_value(std::string(protocol::kLastEventIdHeader));
  return !id.empty() ? id : request.get_param_value(std::string(protocol::kLastEventIdParameter));
}

std::optional<AnswerStart> start_of(AnswerService& service, const httplib::Request& request,
                                    const Answer::State& answer, std::optional<std::uint64_t> starting_after) {
  if (starting_after) return start_after(service, answer, *starting_after);
  if (std::string last_event_id = last_event_id_of(request); !last_event_id.empty()) {
    const std::string& id = answer.terms().id;
    const bool is_ours = last_event_id.starts_with(id + ':');
    const auto number = number_of(is_ours ? std::string_view(last_event_id).substr(id.size() + 1) : "");
    if (number || last_event_id == protocol::kEarliest) return start_after(service, answer, number.value_or(0));
    return AnswerStart{std::move(last_event_id)};
  }
  const std::string parameter(protocol::kStartingAfterParameter);
  if (!request.has_param(parameter)) return start_after(service, answer, 0);
  const auto number = number_of(request.get_param_value(parameter));
  if (!number) return std::nullopt;
  return start_after(service, answer, *number);
}

Resumed listen_to_answer(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                         const AnswerPtr& answer, const AnswerRight& right, AnswerStart start,
                         AnswerListener listener) {
  response.headers.erase(std::string(protocol::kAnswerHeader));
  response.set_header(protocol::kAnswerHeader.data(), answer->terms().id);
  if (start.is_whole) {
    response.status = 204;
    return {Outcome::kWhole, "the answer is over, and the client has all of it"};
  }
  answer->arrived();
  Subscribed subscribed;
  try {
    subscribed =
        service.engine().streams().subscribe(request, response,
                                             {.topics = {answer->terms().topic},
                                              .client = std::move(listener.client),
                                              .user = right.user,
                                              .cursor = listener.cursor ? listener.cursor : service.options().cursor,
                                              .last_event_id = std::move(start.last_event_id),
                                              .id_prefix = answer->terms().id + ':',
                                              .retry = service.options().retry,
                                              .lifetime = right.lifetime,
                                              .on_close = [answer](StreamEnd) { answer->left(); }},
                                             {.right = stream_right(service, request, *answer, right)});
  } catch (...) {
    answer->settled(false);
    throw;
  }
  answer->settled(static_cast<bool>(subscribed));
  return {outcome_of(subscribed.outcome), std::move(subscribed.sentence)};
}

}  // namespace millrace
