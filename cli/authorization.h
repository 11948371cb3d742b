// The options of `millrace serve` for keys and tokens, and the authorizer made of them.
//
// docs/authorization.md describes them.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "millrace/server/authorizer.h"
#include "millrace/server/http_authorizer.h"
#include "millrace/server/jwt_authorizer.h"
#include "millrace/server/key_authorizer.h"

namespace millrace::cli {

struct AuthorizationOptions {
  KeyAuthorizer::Options keys;
  JwtAuthorizer::Options tokens;
  std::vector<std::string> public_topics;          ///< for tokens, as typed
  HttpAuthorizer::Options application;             ///< without a URL no application is asked
  std::size_t max_authorizations_per_address = 0;  ///< 0: the library's own choice

  bool has_keys() const;
  bool has_tokens() const;
};

class Authorization {
 public:
  /// Throws InvalidOption if a key, a file or a public topic is invalid.
  explicit Authorization(const AuthorizationOptions& options);

  /// Null if the options contain no key of any kind, and no application.
  std::shared_ptr<const Authorizer> authorizer() const;

  /// Reads the files again, and forgets what the application has said. If a file is invalid, logs why and keeps what it
  /// read before. Any thread.
  void reload() const;

 private:
  std::shared_ptr<KeyAuthorizer> keys_;
  std::shared_ptr<JwtAuthorizer> tokens_;
  std::shared_ptr<HttpAuthorizer> application_;
};

}  // namespace millrace::cli
