#include "millrace/server/answers.h"

#include <httplib.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "answer_access.h"
#include "answer_listening.h"
#include "answer_service.h"
#include "base/option_time.h"
#include "base/random_tag.h"
#include "connection/exchange.h"
#include "engine/engine.h"
#include "http/error_response.h"
#include "httplib/httplib_bridge.h"
#include "httplib/refusal.h"
#include "millrace/core/protocol.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/server.h"

namespace millrace {

namespace {

using Outcome = Resumed::Outcome;
using Terms = Answer::State::Terms;

constexpr const char* kIdempotencyKey = "Idempotency-Key";

// An answer's ID begins the IDs of its events, and the cursors of its listeners.
static_assert(kMaxAnswerIdBytes + 1 <= kMaxIdPrefixBytes && kMaxAnswerIdBytes + 21 <= kMaxEventIdBytes);

void require(bool is_good, const char* option, std::string problem) {
  if (!is_good) throw InvalidOption(std::string("AnswersOptions::") + option, std::move(problem));
}

void check(const AnswersOptions& options) {
  const auto topic = Topic::parse(options.topic);
  require(topic && !topic->is_reserved() && options.topic.size() + 1 + kMaxAnswerIdBytes + 64 <= kMaxTopicBytes,
          "topic", "must be a topic, short enough for the IDs of answers after it, and not one of Millrace's own");
  require(is_time_or_zero(options.when_alone.grace.value_or(Duration{0})), "when_alone", kExpectedTimeOrZero);
  require(options.batch >= Duration{0} && options.batch <= kMaxAnswerBatch, "batch",
          "must be 0 to " + std::to_string(kMaxAnswerBatch.count()) + " ms");
  require(options.retry >= Duration{0} && options.retry <= kMaxReconnectionTime, "retry",
          "must be 0 to " + std::to_string(kMaxReconnectionTime.count()) + " ms");
  require(options.max_running > 0, "max_running", "must be at least 1");
  require(options.max_running_per_client.value_or(1) > 0, "max_running_per_client", "must be at least 1");
  require(options.max_kept > 0, "max_kept", "must be at least 1");
  require(options.max_bytes > 0, "max_bytes", "must be at least 1");
  require(options.max_waiting_bytes >= kAnswerRoomBytes, "max_waiting_bytes",
          "must be at least " + std::to_string(kAnswerRoomBytes) + " (kAnswerRoomBytes)");
  require(is_time(options.max_age), "max_age", kExpectedTime);
  require(is_time(options.keep_for), "keep_for", kExpectedTime);
  require(options.node_timeout >= kMinAnswerNodeTimeout && is_time(options.node_timeout), "node_timeout",
          "must be at least " + std::to_string(kMinAnswerNodeTimeout.count()) + " ms, and at most 100 years");
  require(options.node.size() <= kMaxClientNameBytes, "node",
          "must be at most " + std::to_string(kMaxClientNameBytes) + " bytes");
}

// Opens the stream of the request that begins the answer. If it cannot, it discards the answer, which no client knows
// yet.
bool listen_first(AnswerService& service, const httplib::Request& request, httplib::Response& response,
                  const AnswerPtr& answer, const AnswerRight& right, const BeginOptions& options) {
  try {
    const AnswerStart start{answer->terms().beginning};
    if (listen_to_answer(service, request, response, answer, right, start, {options.cursor, options.client})) {
      return true;
    }
    answer->discard();
    return false;
  } catch (...) {
    answer->discard();
    throw;
  }
}

std::string random_id() {
  return random_tag() + random_tag();
}

void check_client(const char* option, const std::string& client) {
  if (client.size() > kMaxClientNameBytes) {
    throw InvalidOption(option, "must be at most " + std::to_string(kMaxClientNameBytes) + " bytes");
  }
}

Terms terms_of(const AnswersOptions& service, const BeginOptions& options, std::string owner) {
  std::string id = options.id.empty() ? random_id() : options.id;
  auto topic = answer_topic(service.topic, id);
  if (!topic) {
    throw InvalidOption("BeginOptions::id", "must be at most " + std::to_string(kMaxAnswerIdBytes) +
                                                " bytes of UTF-8 without /, * and control characters, and not begin or "
                                                "end with a blank");
  }
  if (options.note.size() > kMaxAnswerNoteBytes) {
    throw InvalidOption("BeginOptions::note", "must be at most " + std::to_string(kMaxAnswerNoteBytes) + " bytes");
  }
  check_client("BeginOptions::client", options.client);
  return {.topic = std::move(*topic),
          .id = std::move(id),
          .owner = std::move(owner),
          .note = options.note,
          .is_shared = options.shared,
          .begun = std::chrono::system_clock::now(),
          .node = service.node};
}

}  // namespace

// --- Begin ----------------------------------------------------------------------------------------------------------

Answers::Answers(Server& server, AnswersOptions options) : server_(server) {
  check(options);
  const auto& store = server.options().store;
  require(
      store == nullptr || !store->is_shared() || !options.node.empty(), "node",
      "is required if servers share a store: a name that no other server has, and that stays the same after a restart");
  service_ = std::make_shared<AnswerService>(*server.engine_, std::move(options));
  try {
    service_->start();
  } catch (...) {
    service_->stop();
    throw;
  }
}

Answers::~Answers() {
  service_->stop();
}

Answer Answers::begin(const BeginOptions& options) {
  Terms terms = terms_of(service_->options(), options, options.owner);
  terms.beginning = service_->hub().cursor();
  const auto client = options.owner.empty() ? std::nullopt : std::optional(Who::user(options.owner));
  const auto answer = std::make_shared<Answer::State>(service_, std::move(terms));
  const auto [claim, known] = service_->answers().claim(answer, client);
  if (claim == AnswerRegister::Claim::kTaken)
    throw InvalidOption("BeginOptions::id", "an answer with this ID already exists");
  if (claim != AnswerRegister::Claim::kBegun) return {};
  if (!service_->write_record(*answer)) {
    answer->discard();
    return {};
  }
  service_->count_begun();
  return {answer, false};
}

Answer Answers::begin(const httplib::Request& request, httplib::Response& response, const BeginOptions& options) {
  Terms terms = terms_of(service_->options(), options, options.owner);
  // A client that repeats its request, cut off in the middle of the answer, wants the rest of that.
  if (const std::string id = id_in(request); !id.empty()) return join(request, response, id, options);
  const AnswerRight right = right_to_answer(*service_, request, response, terms.topic, options.owner, false);
  if (right.refusal) return {};
  if (!right.user.empty()) terms.owner = right.user;
  const std::string key = request.get_header_value(kIdempotencyKey);
  if (key.size() > kMaxIdempotencyKeyBytes) {
    refuse_answer(request, response, 400, RefusalReason::kIdempotencyKey, Outcome::kInvalid,
                  "Idempotency-Key: longer than " + std::to_string(kMaxIdempotencyKeyBytes) + " bytes");
    return {};
  }
  if (!key.empty()) {
    terms.key = publisher_key(std::to_string(terms.owner.size()) + ' ' + terms.owner + key);
    terms.fingerprint = publisher_key(request.path + '\n' + request.body);
  }
  terms.beginning = service_->hub().cursor();
  const Who client = holder_of(HttplibBridge::exchange_of(request), terms.owner);
  const auto answer = std::make_shared<Answer::State>(service_, std::move(terms));
  const auto [claim, known] = service_->answers().claim(answer, client);
  switch (claim) {
    case AnswerRegister::Claim::kTaken:
      refuse_answer(request, response, 409, RefusalReason::kAnswers, Outcome::kInvalid,
                    "an answer with this ID already exists");
      return {};
    case AnswerRegister::Claim::kConflict:
      refuse_answer(request, response, 422, RefusalReason::kIdempotencyKey, Outcome::kInvalid,
                    "Idempotency-Key: it was sent with a different request before; use a new key for a new request");
      return {};
    case AnswerRegister::Claim::kJoined:
      return join(request, response, known->terms().id, options);
    case AnswerRegister::Claim::kFull:
      response.set_header("Retry-After", service_->retry_spread().draw());
      refuse_answer(request, response, 503, RefusalReason::kAnswers, Outcome::kInvalid,
                    "too many answers are running; try again in a moment");
      return {};
    case AnswerRegister::Claim::kShare:
      response.set_header("Retry-After", service_->retry_spread().draw());
      refuse_answer(request, response, 429, RefusalReason::kAnswers, Outcome::kTooMany,
                    "too many of your answers are running (AnswersOptions::max_running_per_client); stop one, or try "
                    "again in a moment");
      return {};
    case AnswerRegister::Claim::kBegun:
      break;
  }
  if (!service_->write_record(*answer)) {
    answer->discard();
    response.set_header("Retry-After", service_->retry_spread().draw());
    refuse_answer(request, response, 503, RefusalReason::kStore, Outcome::kStoreUnavailable,
                  std::string(kStoreTakesNothing));
    return {};
  }
  if (options.listen && !listen_first(*service_, request, response, answer, right, options)) return {};
  if (!options.listen) response.set_header(protocol::kAnswerHeader.data(), answer->terms().id);
  service_->count_begun();
  return {answer, false};
}

// Answers a request that joins an existing answer.
Answer Answers::join(const httplib::Request& request, httplib::Response& response, std::string_view id,
                     const BeginOptions& options) {
  const AnswerAccess access = access_to_answer(*service_, request, response, id, options.owner, false);
  if (access.answer == nullptr) return {};
  if (options.listen) {
    resume(request, response, id, {.user = options.owner, .client = options.client, .cursor = options.cursor});
  }
  service_->count_joined();
  return {access.answer, true};
}

// --- Resume and stop ------------------------------------------------------------------------------------------------

Resumed Answers::resume(const httplib::Request& request, httplib::Response& response, std::string_view id,
                        const ResumeOptions& options) {
  check_client("ResumeOptions::client", options.client);
  const AnswerAccess access = access_to_answer(*service_, request, response, id, options.user, false);
  if (access.answer == nullptr) return *access.right.refusal;
  const Answer::State& answer = *access.answer;
  std::optional<AnswerStart> start = start_of(*service_, request, answer, options.starting_after);
  if (!start) {
    return refuse_answer(
        request, response, 400, RefusalReason::kInvalid, Outcome::kInvalid,
        std::string(protocol::kStartingAfterParameter) + ": expected the number of an event, or 0 for the beginning");
  }
  if (!start->is_whole && service_->is_lost(answer)) return refuse_as_unknown(request, response);
  return listen_to_answer(*service_, request, response, access.answer, access.right, std::move(*start),
                          {options.cursor, options.client});
}

namespace {

Stopped not_stopped(const Resumed& refusal) {
  switch (refusal.outcome) {
    case Outcome::kUnauthenticated:
      return {Stopped::Outcome::kUnauthenticated, refusal.sentence};
    case Outcome::kUndecided:
      return {Stopped::Outcome::kUndecided, refusal.sentence};
    default:
      return {Stopped::Outcome::kUnknown, refusal.sentence};
  }
}

}  // namespace

Stopped Answers::stop(const httplib::Request& request, httplib::Response& response, std::string_view id,
                      std::string_view user) {
  const AnswerAccess access = access_to_answer(*service_, request, response, id, user, true);
  if (access.answer == nullptr) return not_stopped(*access.right.refusal);
  Stopped stopped = stop(id);
  if (stopped.outcome == Stopped::Outcome::kStoreUnavailable) {
    response.set_header("Retry-After", service_->retry_spread().draw());
    refuse(request, response, 503, RefusalReason::kStore, stopped.sentence);
  } else {
    response.status = 204;
  }
  return stopped;
}

Stopped Answers::stop(std::string_view id) {
  const AnswerPtr answer = service_->answers().find(id);
  if (answer == nullptr) return {Stopped::Outcome::kUnknown, "no such answer"};
  if (answer->ended_by() == AnswerEnd::kNone) {
    if (answer->is_produced_here()) {
      if (answer->end(AnswerEnd::kStopped)) return {Stopped::Outcome::kStopped};
    } else if (service_->request(*answer, AnswerRequest::kStop)) {
      return {Stopped::Outcome::kStopped};
    } else {
      return {Stopped::Outcome::kStoreUnavailable, std::string(kStoreTakesNothing)};
    }
  }
  return {Stopped::Outcome::kOver, std::string(sentence_of(answer->ended_by()))};
}

// --- Questions ------------------------------------------------------------------------------------------------------

std::optional<AnswerInfo> Answers::find(std::string_view id) const {
  const AnswerPtr answer = service_->answers().find(id);
  if (answer == nullptr) return std::nullopt;
  return answer->info();
}

std::optional<AnswerInfo> Answers::find(const httplib::Request& request, httplib::Response& response,
                                        std::string_view id, std::string_view user) const {
  const AnswerAccess access = access_to_answer(*service_, request, response, id, user, false);
  if (access.answer == nullptr) return std::nullopt;
  return access.answer->info();
}

std::string Answers::id_in(const httplib::Request& request) {
  std::string id = last_event_id_of(request);
  const std::size_t colon = id.rfind(':');
  return colon == std::string::npos ? std::string() : id.substr(0, colon);
}

AnswersStatistics Answers::statistics() const {
  return service_->statistics();
}

}  // namespace millrace
