#include "millrace/server/jwt_authorizer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "credentials.h"
#include "jwt_key_set.h"
#include "millrace/core/limits.h"
#include "millrace/core/owned.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;
using Clock = std::chrono::system_clock;
using Decision = Authorizer::Decision;
using Action = Authorizer::Action;

// A claim that is not what it must be; the sentence is for the client.
struct BadClaim {
  std::string sentence;
};

// Points in time beyond this one (2106) count as it: nothing computed from them overflows.
constexpr double kLastSecond = 4294967295.0;

std::optional<Clock::time_point> time_in(const json& claims, const char* name) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return std::nullopt;
  if (!claim->is_number()) throw BadClaim{std::string("the token's ") + name + " is not a number"};
  const double seconds = std::clamp(claim->get<double>(), 0.0, kLastSecond);
  return Clock::time_point(std::chrono::milliseconds(static_cast<std::int64_t>(std::floor(seconds * 1000))));
}

bool names(const json& claims, const char* name, const std::string& wanted) {
  const auto claim = claims.find(name);
  if (claim == claims.end()) return false;
  if (!claim->is_array()) return *claim == wanted;
  return std::find(claim->begin(), claim->end(), wanted) != claim->end();
}

std::vector<OwnedTopicPattern> patterns_in(const json& rights, const char* name) {
  const auto claim = rights.find(name);
  if (claim == rights.end()) return {};
  if (!claim->is_array()) throw BadClaim{std::string("the token's millrace.") + name + " is not a list of patterns"};
  std::vector<OwnedTopicPattern> patterns;
  for (const json& one : *claim) {
    auto pattern = one.is_string() ? OwnedTopicPattern::parse(one.get<std::string>()) : std::nullopt;
    if (!pattern) {
      throw BadClaim{std::string("the token's millrace.") + name + " holds something that is not a topic pattern"};
    }
    patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

// The first topic that no granted pattern covers; null if there is none.
const std::string* uncovered(const std::vector<std::string>& topics, const std::vector<OwnedTopicPattern>& granted) {
  const auto is_covered = [&](const std::string& topic) {
    const auto wanted = TopicPattern::parse(topic);
    return wanted && std::any_of(granted.begin(), granted.end(),
                                 [&](const OwnedTopicPattern& one) { return one.get().covers(*wanted); });
  };
  const auto found = std::find_if_not(topics.begin(), topics.end(), is_covered);
  return found == topics.end() ? nullptr : &*found;
}

// Who the token says it is, and until when it holds. Throws BadClaim if it cannot be gone by.
Decision identity_in(const json& claims) {
  Decision decision;
  decision.expires = time_in(claims, "exp");
  if (const auto user = claims.find("sub"); user != claims.end()) {
    if (!user->is_string()) throw BadClaim{"the token's sub is not a string"};
    decision.user = user->get<std::string>();
  }
  return decision;
}

// Throws BadClaim if the token is not to be taken here and now.
void check_validity(const json& claims, const JwtAuthorizer::Options& options) {
  const auto now = Clock::now();
  const auto expires = time_in(claims, "exp");
  const auto not_before = time_in(claims, "nbf");
  if (expires && *expires <= now) throw BadClaim{"the token has expired"};
  if (not_before && *not_before > now + kMaxClockSkew) throw BadClaim{"the token is not valid yet"};
  if (!options.issuer.empty() && !names(claims, "iss", options.issuer)) throw BadClaim{"the token is another issuer's"};
  if (!options.audience.empty() && !names(claims, "aud", options.audience)) {
    throw BadClaim{"the token is for another audience"};
  }
}

// Sets the decision's status to 403 if the token does not give the right.
void check_rights(const json& claims, Action action, const std::vector<std::string>& topics, Decision& decision) {
  const auto claim = claims.find("millrace");
  const json rights = claim == claims.end() ? json::object() : *claim;
  if (!rights.is_object()) throw BadClaim{"the token's millrace is not an object"};
  const auto admin = rights.find("admin");
  const bool administers = admin != rights.end() && *admin == true;
  if (action == Action::kAdminister) {
    if (administers) return;
    decision.status = 403;
    decision.reason = "the token does not say millrace.admin";
    return;
  }
  const char* const name = action == Action::kPublish ? "publish" : "subscribe";
  std::vector<OwnedTopicPattern> granted = patterns_in(rights, name);
  if (administers && action == Action::kSubscribe) {
    granted.emplace_back(TopicPattern("millrace.presence"));
    granted.emplace_back(TopicPattern("millrace.presence/**"));
  }
  if (const std::string* topic = uncovered(topics, granted)) {
    decision.status = 403;
    decision.reason = "topic: \"" + *topic + "\" is not covered by the token's millrace." + name;
  }
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

JwtAuthorizer::JwtAuthorizer(Options options) : options_(std::move(options)) {
  for (const std::string& text : options_.public_topics) {
    auto pattern = OwnedTopicPattern::parse(text);
    if (!pattern) throw std::invalid_argument("public_topics: \"" + text + "\" is not a topic pattern");
    public_topics_.push_back(std::move(*pattern));
  }
  reload();
}

JwtAuthorizer::~JwtAuthorizer() = default;

void JwtAuthorizer::reload() {
  auto keys = std::make_shared<JwtKeySet>();
  const auto read = [](const std::string& path, const char* option) { return read_key_file(path, option); };
  if (!options_.secret.empty()) keys->add_secret(options_.secret, "secret");
  if (!options_.secret_file.empty()) {
    keys->add_secret(without_line_end(read(options_.secret_file, "secret_file")), "secret_file");
  }
  if (!options_.public_key_file.empty()) {
    keys->add_pem(read(options_.public_key_file, "public_key_file"), "public_key_file");
  }
  if (!options_.jwks_file.empty()) keys->add_jwks(read(options_.jwks_file, "jwks_file"), "jwks_file");
  if (keys->empty()) {
    throw std::invalid_argument(
        "JwtAuthorizer: there is no key; give it a secret, a secret_file, a public_key_file or a jwks_file");
  }
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

Authorizer::Decision JwtAuthorizer::decide(const httplib::Request& request, Action action,
                                           const std::vector<std::string>& topics) const {
  std::string token = bearer_token(request);
  if (token.empty() && !options_.cookie.empty()) token = cookie(request, options_.cookie);
  if (action == Action::kSubscribe && uncovered(topics, public_topics_) == nullptr && token.empty()) return {};
  if (token.empty()) {
    return {.status = 401, .reason = "a token is needed: send it as Authorization: Bearer <token>"};
  }
  std::shared_ptr<const JwtKeySet> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  const auto payload = keys->verify(token);
  const json claims = payload ? parse_json(*payload, kMaxRequestHeadBytes) : json();
  if (!claims.is_object()) {
    return {.status = 401, .reason = "the token is malformed, or its signature is not by a key that is known here"};
  }
  try {
    check_validity(claims, options_);
    Decision decision = identity_in(claims);
    // What is open to all is open to those who say who they are.
    if (action == Action::kSubscribe && uncovered(topics, public_topics_) == nullptr) return decision;
    check_rights(claims, action, topics, decision);
    return decision;
  } catch (const BadClaim& failure) {
    return {.status = 401, .reason = failure.sentence};
  }
}

}  // namespace millrace
