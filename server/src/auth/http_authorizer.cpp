#include "millrace/server/http_authorizer.h"

#include <httplib.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/field_order.h"
#include "base/option_time.h"
#include "base/string_map.h"
#include "loop/event_loop.h"
#include "millrace/core/protocol.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/trace.h"
#include "mutex.h"
#include "outbound/application.h"
#include "parse_json.h"
#include "shares/quota.h"
#include "shares/who.h"

namespace millrace {

namespace {

using nlohmann::json;
using Decision = Authorizer::Decision;

// Of what an application says.
constexpr std::size_t kMaxUserBytes = 256;
constexpr std::size_t kMaxReasonBytes = 512;

std::string_view name_of(Authorizer::Action action) {
  switch (action) {
    case Authorizer::Action::kSubscribe:
      return "subscribe";
    case Authorizer::Action::kPublish:
      return "publish";
    case Authorizer::Action::kAdminister:
      return "administer";
  }
  return {};
}

// The question as the application gets it.
struct Question {
  std::string body;
  httplib::Headers headers;
  OwnedTraceContext trace = {};

  // Everything that the answer may depend on, in a fixed number of bytes.
  std::string digest() const {
    std::string all = body;
    for (const auto& [name, value] : headers) all.append(1, '\0').append(name).append(1, '\0').append(value);
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return digest;
  }
};

Question question_of(const httplib::Request& request, Authorizer::Action action, const TopicPatterns& topics,
                     const std::vector<std::string>& names) {
  json patterns = json::array();
  for (const OwnedTopicPattern& pattern : topics) patterns.push_back(pattern.text());
  Question question{.body = json{{"action", name_of(action)}, {"topics", patterns}}.dump(), .headers = {}};
  for (const std::string& name : names) {
    const auto [begin, end] = request.headers.equal_range(name);
    for (auto field = begin; field != end; ++field) question.headers.emplace(name, field->second);
  }
  put_in_order(question.headers);
  question.trace = trace_of(request);
  return question;
}

// With the trace, on which no answer depends: one that is kept counts for every trace.
httplib::Headers headers_of(const Question& question) {
  httplib::Headers headers = question.headers;
  const auto set = [&headers](std::string_view field, const std::string& value) {
    const std::string name(field);
    headers.erase(name);
    if (!value.empty()) headers.emplace(name, value);
  };
  set(protocol::kTraceParentField, question.trace.parent());
  set(protocol::kTraceStateField, question.trace.state());
  return headers;
}

// The sentence of `{"error":"…"}`, or nothing.
std::string reason_in(const std::string& body) {
  const json said = parse_json(body);
  if (!said.is_object() || !said.contains("error") || !said["error"].is_string()) return {};
  return said["error"].get<std::string>().substr(0, kMaxReasonBytes);
}

// `{"user":"ada","until":4102444800}`, both optional; an empty body allows, too.
Decision allowed_by(const std::string& body) {
  if (body.find_first_not_of(" \t\r\n") == std::string::npos) return Decision::allow();
  const json said = parse_json(body);
  if (!said.is_object()) return Decision::unavailable("its answer is not a JSON object");
  const json user = said.value("user", json(""));
  if (!user.is_string() || user.get_ref<const std::string&>().size() > kMaxUserBytes) {
    return Decision::unavailable("\"user\" in its answer is not a string of at most " + std::to_string(kMaxUserBytes) +
                                 " bytes");
  }
  if (!said.contains("until") || said["until"].is_null()) return Decision::allow(user.get<std::string>());
  constexpr std::int64_t kLatest = 253'402'300'799;  // the end of the year 9999
  if (!said["until"].is_number_integer() || said["until"] < 0 || said["until"] > kLatest) {
    return Decision::unavailable("\"until\" in its answer is not a number of seconds since 1970");
  }
  return Decision::allow(user.get<std::string>(),
                         Decision::Time(std::chrono::seconds(said["until"].get<std::int64_t>())));
}

Decision decision_by(const Application::Answer& answer) {
  if (answer.status == 200) return allowed_by(answer.body);
  if (answer.status == 401) return Decision::unauthenticated(reason_in(answer.body));
  if (answer.status == 403) return Decision::forbidden(reason_in(answer.body));
  return Decision::unavailable("it answered with status " + std::to_string(answer.status));
}

// The seconds of `max-age=60`, alone or in a list; `no-store` and `no-cache` go first. [RFC 9111 5.2.2]
Duration age_allowed_by(const std::string& cache_control) {
  if (cache_control.find("no-store") != std::string::npos || cache_control.find("no-cache") != std::string::npos) {
    return Duration{0};
  }
  constexpr std::string_view kMaxAge = "max-age=";
  const std::size_t at = cache_control.find(kMaxAge);
  if (at == std::string::npos || (at > 0 && cache_control[at - 1] != ' ' && cache_control[at - 1] != ',')) {
    return Duration{0};
  }
  std::uint32_t seconds = 0;
  const char* const begin = cache_control.data() + at + kMaxAge.size();
  std::from_chars(begin, cache_control.data() + cache_control.size(), seconds);
  return std::min(Duration{1000 * static_cast<Duration::rep>(seconds)}, kMaxAuthorizationAge);
}

}  // namespace

struct HttpAuthorizer::State {
  struct Kept {
    Decision decision;
    TimePoint until{};
  };

  explicit State(const Options& given)
      : options(given),
        application("HttpAuthorizer::Options::url", given.url, given.timeout),
        of_addresses(given.max_at_once_per_address.value_or(std::max<std::size_t>(1, given.max_at_once * 3 / 4))) {
    names = {"Authorization", "Cookie"};
    names.insert(names.end(), given.headers.begin(), given.headers.end());
  }

  std::optional<Decision> kept(const std::string& digest) {
    const MutexLock lock(mutex);
    const auto found = answers.find(digest);
    if (found == answers.end()) return std::nullopt;
    const Decision& decision = found->second.decision;
    const bool is_over = monotonic_now() >= found->second.until ||
                         (decision.until() && *decision.until() <= std::chrono::system_clock::now());
    return is_over ? std::nullopt : std::optional(decision);
  }

  void keep(const std::string& digest, const Decision& decision, Duration age, std::uint64_t generation) {
    const MutexLock lock(mutex);
    if (age == Duration{0} || generation != forgotten) return;
    if (answers.insert_or_assign(digest, Kept{decision, monotonic_now() + age}).second) in_order.push_back(digest);
    while (in_order.size() > options.max_kept) {
      answers.erase(in_order.front());
      in_order.pop_front();
    }
  }

  std::uint64_t generation() {
    const MutexLock lock(mutex);
    return forgotten;
  }

  void forget() {
    const MutexLock lock(mutex);
    ++forgotten;
    answers.clear();
    in_order.clear();
  }

  /// `address`: the client's.
  Decision ask(const Question& question, const std::string& digest, const std::string& address);
  std::string refusal(std::string_view of, std::string_view option) const;

  const Options options;
  std::vector<std::string> names;  // of the headers that are passed on
  Application application;
  std::atomic<std::size_t> asking = 0;
  Quota of_addresses;  // of these
  std::atomic<TimePoint> paused_until = TimePoint{};
  Mutex mutex;
  StringMap<Kept> answers GUARDED_BY(mutex);
  std::deque<std::string> in_order GUARDED_BY(mutex);  // the oldest first
  std::uint64_t forgotten GUARDED_BY(mutex) = 0;       // how often forget() was called
};

Decision HttpAuthorizer::State::ask(const Question& question, const std::string& digest, const std::string& address) {
  constexpr const char* kAway = "the application that decides about rights does not answer; try again in a moment";
  // While it cannot be reached, workers do not wait for it one after the other.
  if (monotonic_now() < paused_until.load()) return Decision::unavailable(kAway);
  const auto share = of_addresses.take(Who::address(address));
  if (!share) return Decision::too_many(refusal("from your address ", "max_at_once_per_address"));
  struct Asking {
    explicit Asking(std::atomic<std::size_t>& of) : count(of), before(count.fetch_add(1)) {}
    ~Asking() { --count; }
    std::atomic<std::size_t>& count;
    const std::size_t before;
  } const one(asking);
  if (one.before >= options.max_at_once) return Decision::unavailable(refusal("", "max_at_once"));
  const std::uint64_t generation_before = generation();
  Application::Failure failure;
  const auto answer = application.post(question.body, headers_of(question), failure);
  // Only for this: whatever else goes wrong may be due to what one client asks, and concerns no other.
  if (failure.is_unreachable) paused_until = monotonic_now() + kAuthorizationPause;
  const Decision decision = answer ? decision_by(*answer) : Decision::unavailable(failure.why);
  if (decision.is_unavailable()) return Decision::unavailable(kAway);
  keep(digest, decision, age_allowed_by(answer->cache_control), generation_before);
  return decision;
}

std::string HttpAuthorizer::State::refusal(std::string_view of, std::string_view option) const {
  const std::string name = "HttpAuthorizer::Options::" + std::string(option);
  const std::string said = options.option_name != nullptr ? options.option_name(name) : std::string();
  return "too many requests " + std::string(of) + "wait for the decision of the application (" +
         (said.empty() ? name : said) + "); try again in a moment";
}

HttpAuthorizer::HttpAuthorizer(const Options& options) : state_(std::make_unique<State>(options)) {
  const auto require = [](bool good, const char* field, const char* problem) {
    if (!good) throw InvalidOption(std::string("HttpAuthorizer::Options::") + field, problem);
  };
  require(is_time(options.timeout), "timeout", kExpectedTime);
  require(options.max_at_once > 0, "max_at_once", "must be at least 1");
  require(options.max_at_once_per_address.value_or(1) > 0, "max_at_once_per_address", "must be at least 1");
}

HttpAuthorizer::~HttpAuthorizer() = default;

Authorizer::Decision HttpAuthorizer::decide(const httplib::Request& request, Action action,
                                            const TopicPatterns& topics) const {
  const Question question = question_of(request, action, topics, state_->names);
  const std::string digest = question.digest();
  if (auto kept = state_->kept(digest)) return std::move(*kept);
  return state_->ask(question, digest, request.remote_addr);
}

void HttpAuthorizer::forget() {
  state_->forget();
  changed();
}

}  // namespace millrace
