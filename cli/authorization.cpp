#include "authorization.h"

#include <spdlog/spdlog.h>

#include "command.h"
#include "millrace/server/any_authorizer.h"
#include "option_names.h"
#include "parts.h"

namespace millrace::cli {

namespace {

template <typename ReloadableAuthorizer>
void reload_one(const std::shared_ptr<ReloadableAuthorizer>& authorizer, const char* what) {
  if (authorizer == nullptr) return;
  try {
    authorizer->reload();
    spdlog::info("reloaded the {}", what);
  } catch (const InvalidOption& failure) {
    spdlog::error("could not reload the {}; the old ones stay in use: {}", what, sentence_of(failure));
  }
}

HttpAuthorizer::Options application_of(const AuthorizationOptions& options) {
  HttpAuthorizer::Options application = options.application;
  application.option_name = typed_name;
  if (options.max_authorizations_per_address != 0) {
    application.max_at_once_per_address = options.max_authorizations_per_address;
  }
  return application;
}

// Without a key that signs tokens, these would do nothing, and the operator would believe that they do.
void refuse_idle(const AuthorizationOptions& options) {
  const auto refuse = [](bool is_set, const char* option) {
    if (is_set) {
      throw UsageError(std::string(option) + " is for tokens, and needs --jwt-secret-file, --jwt-public-key or --jwks");
    }
  };
  refuse(!options.tokens.cookie.empty(), "--jwt-cookie");
  refuse(!options.tokens.issuer.empty(), "--jwt-issuer");
  refuse(!options.tokens.audience.empty(), "--jwt-audience");
  refuse(!options.public_topics.empty(), "--public-topic");
}

}  // namespace

bool AuthorizationOptions::has_keys() const {
  return !keys.publish_keys.empty() || !keys.subscribe_keys.empty() || !keys.admin_keys.empty() ||
         !keys.publish_key_file.empty() || !keys.subscribe_key_file.empty() || !keys.admin_key_file.empty();
}

bool AuthorizationOptions::has_tokens() const {
  return !tokens.secret_file.empty() || !tokens.public_key_file.empty() || !tokens.jwks_file.empty();
}

Authorization::Authorization(const AuthorizationOptions& options) {
  const bool asks = !options.application.url.empty();
  if (!asks && !options.application.headers.empty()) throw UsageError("--authorize-header needs --authorize-url");
  if (options.has_keys()) {
    KeyAuthorizer::Options keys = options.keys;
    keys.anonymous_subscribe = !options.has_tokens() && !asks;  // these decide about subscriptions
    keys_ = std::make_shared<KeyAuthorizer>(std::move(keys));
  }
  if (asks) application_ = std::make_shared<HttpAuthorizer>(application_of(options));
  if (!options.has_tokens()) {
    refuse_idle(options);
    return;
  }
  if constexpr (!kHasJwt) refuse_without("--jwt-… and --jwks", "millrace::jwt", "MILLRACE_WITH_JWT");
  JwtAuthorizer::Options tokens = options.tokens;
  for (const std::string& text : options.public_topics) {
    const auto pattern = OwnedTopicPattern::parse(text);
    if (!pattern) throw InvalidOption("public_topics", '"' + text + "\" is not a topic pattern");
    tokens.public_topics.push_back(*pattern);
  }
  if constexpr (kHasJwt) tokens_ = std::make_shared<JwtAuthorizer>(std::move(tokens));
}

// The application is asked last: what keys and tokens allow costs no request.
std::shared_ptr<const Authorizer> Authorization::authorizer() const {
  std::vector<std::shared_ptr<const Authorizer>> all;
  if (keys_ != nullptr) all.push_back(keys_);
  if (tokens_ != nullptr) all.push_back(tokens_);
  if (application_ != nullptr) all.push_back(application_);
  if (all.size() > 1) return std::make_shared<AnyAuthorizer>(std::move(all));
  return all.empty() ? nullptr : all.front();
}

void Authorization::reload() const {
  reload_one(keys_, "keys");
  if constexpr (kHasJwt) reload_one(tokens_, "token keys");
  if (application_ != nullptr) application_->forget();
}

}  // namespace millrace::cli
