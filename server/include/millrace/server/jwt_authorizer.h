// JwtAuthorizer: whoever shows a token (a signed JWT, RFC 7519) may do what the token says.
//
// The token comes in `Authorization: Bearer <token>`, or in a cookie, since a browser's EventSource cannot send the
// header. Its `millrace` claim lists patterns of topics; `sub` is the user; the event stream ends at `exp`. The key
// decides the algorithm, never the token: a secret is for HS256, an RSA key for RS256, a P-256 key for ES256.
// Any thread. docs/authorization.md has examples.
//
//   {"sub": "ada", "exp": 1893456000, "millrace": {"subscribe": ["users/ada", "news/**"], "publish": [], "admin":
//   false}}
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/server/authorizer.h"

namespace millrace {

class JwtKeySet;

class JwtAuthorizer final : public Authorizer {
 public:
  struct Options {
    /// Where the keys are: at least one of these four. At most kMaxTokenKeys in all.
    std::string secret = {};           ///< for HS256, at least kMinTokenSecretBytes
    std::string secret_file = {};      ///< the same in a file; a final line end is not part of it
    std::string public_key_file = {};  ///< PEM, `BEGIN PUBLIC KEY`: RSA from kMinRsaKeyBits up, or P-256; several count
    std::string jwks_file = {};        ///< a JSON Web Key Set [RFC 7517]; keys of other kinds are passed over

    /// Name of a cookie that may hold the token. It should be HttpOnly, Secure and SameSite. Empty: none is looked at.
    std::string cookie = {};

    /// If not empty, what the token's `iss` must be, and what its `aud` must be or contain.
    std::string issuer = {};
    std::string audience = {};

    /// Patterns that anyone may subscribe to, without a token.
    std::vector<std::string> public_topics = {};
  };

  /// Throws InvalidOption if one is malformed or a file cannot be used.
  explicit JwtAuthorizer(Options options);
  ~JwtAuthorizer() override;

  /// Reads the files again. Requests under way are decided by the keys they began with. Throws as the constructor; the
  /// keys stay as they were then.
  void reload();

  Decision decide(const httplib::Request& request, Action action,
                  const std::vector<std::string>& topics) const override;

 private:
  const Options options_;
  std::vector<OwnedTopicPattern> public_topics_;  // of options_, checked
  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeySet> keys_;  // guarded by mutex_; what it points to never changes
};

}  // namespace millrace
