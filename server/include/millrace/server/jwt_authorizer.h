// JwtAuthorizer: allows what the token of a request says (a signed JWT, RFC 7519). Part `millrace::jwt`: link it.
//
// A client sends the token as `Authorization: Bearer <token>`, or in a cookie, because a browser's EventSource cannot
// send the header. The `millrace` claim lists patterns of topics; `sub` is the user; the event stream ends at `exp`.
// The key decides the algorithm, never the token: a secret is for HS256, an RSA key for RS256, a P-256 key for ES256.
// Any thread. docs/authorization.md has examples.
//
//   {"sub": "ada", "exp": 1893456000, "millrace": {"subscribe": ["users/ada", "news/**"], "publish": [], "admin":
//   false}}
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "millrace/core/time.h"
#include "millrace/server/authorizer.h"

namespace millrace {

/// Shortest secret for tokens signed with HS256, in bytes. [RFC 7518 3.2]
inline constexpr std::size_t kMinTokenSecretBytes = 32;

/// Shortest RSA key for tokens signed with RS256, in bits. [RFC 7518 3.3]
inline constexpr int kMinRsaKeyBits = 2048;

/// Most keys for checking tokens.
inline constexpr std::size_t kMaxTokenKeys = 32;

/// A token whose `nbf` is this far in the future is already valid: the issuer's clock may be ahead.
inline constexpr Duration kMaxClockSkew{5'000};

class JwtKeySet;

/// An authorizer of signed tokens.
class JwtAuthorizer final : public Authorizer {
 public:
  /// Keys, and the values that a token must have.
  struct Options {
    /// The keys: set at least one of these four. At most kMaxTokenKeys in all.
    std::string secret = {};           ///< for HS256, at least kMinTokenSecretBytes
    std::string secret_file = {};      ///< the same in a file; a final line end is not part of the secret
    std::string public_key_file = {};  ///< PEM, `BEGIN PUBLIC KEY`: RSA from kMinRsaKeyBits up, or P-256; several count
    std::string jwks_file = {};        ///< a JSON Web Key Set [RFC 7517]; other keys are ignored

    /// Name of a cookie that may contain the token. It should be HttpOnly, Secure and SameSite. Empty: no cookie is
    /// read.
    std::string cookie = {};

    /// The value that the token's `iss` must have; empty: any value.
    std::string issuer = {};

    /// The value that the token's `aud` must be or contain; empty: any value.
    std::string audience = {};

    /// Patterns that anyone may subscribe to, without a token.
    TopicPatterns public_topics = {};
  };

  /// Throws InvalidOption if an option is malformed or a file cannot be read.
  explicit JwtAuthorizer(Options options);
  ~JwtAuthorizer() override;

  /// Reads the files again. Running requests keep the keys with which they began. Throws like the constructor, and then
  /// keeps the old keys.
  void reload();

  /// May block, in the sense of may_block(): checking a signature takes a loop too long.
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

 private:
  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeySet> keys_;  // guarded by mutex_; what it points to never changes
};

}  // namespace millrace
