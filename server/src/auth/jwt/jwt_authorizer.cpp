#include "millrace/server/jwt_authorizer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "auth/credentials.h"
#include "jwt_key_set.h"
#include "millrace/core/owned.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/limits.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;
using Clock = std::chrono::system_clock;
using Decision = Authorizer::Decision;
using Action = Authorizer::Action;

// An invalid claim; the sentence is for the client.
struct BadClaim {
  std::string sentence;
};

// Later times than this one (2106) count as this one, so that nothing computed from them overflows.
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

TopicPatterns patterns_in(const json& rights, const char* name) {
  const auto claim = rights.find(name);
  if (claim == rights.end()) return {};
  if (!claim->is_array()) throw BadClaim{std::string("the token's millrace.") + name + " is not a list of patterns"};
  TopicPatterns patterns;
  for (const json& one : *claim) {
    auto pattern = one.is_string() ? OwnedTopicPattern::parse(one.get<std::string>()) : std::nullopt;
    if (!pattern) {
      throw BadClaim{std::string("the token's millrace.") + name + " contains something that is not a topic pattern"};
    }
    patterns.push_back(*pattern);
  }
  return patterns;
}

// Returns the first topic that no granted pattern covers; null if all are covered.
const OwnedTopicPattern* uncovered(const TopicPatterns& topics, const TopicPatterns& granted) {
  const auto is_covered = [&](const OwnedTopicPattern& wanted) {
    return std::any_of(granted.begin(), granted.end(),
                       [&](const OwnedTopicPattern& one) { return one.get().covers(wanted); });
  };
  const auto found = std::find_if_not(topics.begin(), topics.end(), is_covered);
  return found == topics.end() ? nullptr : &*found;
}

// The right of the token's user, as long as the token is valid. Throws BadClaim if a claim is invalid.
Decision right_of_user_in(const json& claims) {
  const auto user = claims.find("sub");
  if (user == claims.end()) return Decision::allow({}, time_in(claims, "exp"));
  if (!user->is_string()) throw BadClaim{"the token's sub is not a string"};
  return Decision::allow(user->get<std::string>(), time_in(claims, "exp"));
}

// Throws BadClaim if the token is for another audience or time.
void check_validity(const json& claims, const JwtAuthorizer::Options& options) {
  const auto now = Clock::now();
  const auto expires = time_in(claims, "exp");
  const auto not_before = time_in(claims, "nbf");
  if (expires && *expires <= now) throw BadClaim{"the token has expired"};
  if (not_before && *not_before > now + kMaxClockSkew) throw BadClaim{"the token is not valid yet"};
  if (!options.issuer.empty() && !names(claims, "iss", options.issuer))
    throw BadClaim{"the token is from another issuer"};
  if (!options.audience.empty() && !names(claims, "aud", options.audience)) {
    throw BadClaim{"the token is for another audience"};
  }
}

// Returns `allowed` if the token gives the right.
Decision decide_by_rights(const json& claims, Action action, const TopicPatterns& topics, const Decision& allowed) {
  const auto claim = claims.find("millrace");
  const json rights = claim == claims.end() ? json::object() : *claim;
  if (!rights.is_object()) throw BadClaim{"the token's claim \"millrace\" is not an object"};
  const auto admin = rights.find("admin");
  const bool administers = admin != rights.end() && *admin == true;
  if (action == Action::kAdminister) {
    return administers ? allowed : Decision::forbidden("the token does not grant millrace.admin");
  }
  const char* const name = action == Action::kPublish ? "publish" : "subscribe";
  TopicPatterns granted = patterns_in(rights, name);
  if (administers && action == Action::kSubscribe) {
    granted.push_back("millrace.presence");
    granted.push_back("millrace.presence/**");
  }
  if (const OwnedTopicPattern* topic = uncovered(topics, granted)) {
    return Decision::forbidden("topic: \"" + topic->text() + "\" is not covered by the token's millrace." + name);
  }
  return allowed;
}

std::string without_line_end(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace

JwtAuthorizer::JwtAuthorizer(Options options) : options_(std::move(options)) {
  reload();
}

JwtAuthorizer::~JwtAuthorizer() = default;

void JwtAuthorizer::reload() {
  constexpr const char* kSecret = "secret";
  constexpr const char* kSecretFile = "secret_file";
  constexpr const char* kPublicKeyFile = "public_key_file";
  constexpr const char* kKeySetFile = "jwks_file";
  auto keys = std::make_shared<JwtKeySet>();
  if (!options_.secret.empty()) keys->add_secret(options_.secret, kSecret);
  if (!options_.secret_file.empty()) {
    keys->add_secret(without_line_end(read_key_file(options_.secret_file, kSecretFile)), kSecretFile);
  }
  if (!options_.public_key_file.empty()) {
    keys->add_pem(read_key_file(options_.public_key_file, kPublicKeyFile), kPublicKeyFile);
  }
  if (!options_.jwks_file.empty()) keys->add_jwks(read_key_file(options_.jwks_file, kKeySetFile), kKeySetFile);
  if (keys->empty()) {
    throw InvalidOption("JwtAuthorizer", "no key: set secret, secret_file, public_key_file or jwks_file");
  }
  {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
  }
  changed();
}

Authorizer::Decision JwtAuthorizer::decide(const httplib::Request& request, Action action,
                                           const TopicPatterns& topics) const {
  std::string token = bearer_token(request);
  if (token.empty() && !options_.cookie.empty()) token = cookie(request, options_.cookie);
  if (action == Action::kSubscribe && uncovered(topics, options_.public_topics) == nullptr && token.empty()) {
    return Decision::allow();
  }
  if (token.empty()) {
    return Decision::unauthenticated("missing token: send it as Authorization: Bearer <token>");
  }
  std::shared_ptr<const JwtKeySet> keys;
  {
    const std::lock_guard lock(mutex_);
    keys = keys_;
  }
  const auto payload = keys->verify(token);
  const json claims = payload ? parse_json(*payload, kMaxRequestHeadBytes) : json();
  if (!claims.is_object()) {
    return Decision::unauthenticated("the token is malformed, or no known key signed it");
  }
  try {
    check_validity(claims, options_);
    const Decision allowed = right_of_user_in(claims);
    // A public topic is also open to clients with a token.
    const bool is_public = action == Action::kSubscribe && uncovered(topics, options_.public_topics) == nullptr;
    return is_public ? allowed : decide_by_rights(claims, action, topics, allowed);
  } catch (const BadClaim& failure) {
    return Decision::unauthenticated(failure.sentence);
  }
}

}  // namespace millrace
