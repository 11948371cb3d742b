// JwtAuthorizer: allows what a request's token (a signed JWT, RFC 7519) lists. Link `millrace::jwt`.
//
// A client sends the token as `Authorization: Bearer <token>`, or in a cookie, because a browser's EventSource cannot
// send this header. The `millrace` claim lists patterns of topics; `sub` is the user; the event stream ends at `exp`.
// The key decides the algorithm, never the token: HS256 for a secret, RS256 for an RSA key, ES256 for a P-256 key. Any
// thread. docs/authorization.md has examples.
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

/// An authorizer that checks signed tokens.
class JwtAuthorizer final : public Authorizer {
 public:
  /// Keys, and the values that a token must have.
  struct Options {
    /// The keys: set at least one of these four. At most kMaxTokenKeys in all.
    std::string secret = {};       ///< for HS256, at least kMinTokenSecretBytes
    std::string secret_file = {};  ///< the same in a file; a final line end is not part of the secret
    std::string public_key_file =
        {};                      ///< PEM, `BEGIN PUBLIC KEY`, one or several: RSA from kMinRsaKeyBits up, or P-256
    std::string jwks_file = {};  ///< a JSON Web Key Set [RFC 7517]; other keys are ignored

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

  /// Reads the files again. Running requests keep the keys with which they began. If it throws, like the constructor,
  /// the old keys stay.
  void reload();

  /// Blocks in the sense of may_block(): checking a signature takes too long for an event loop.
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override;

 private:
  const Options options_;
  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeySet> keys_;  // guarded by mutex_; the set itself never changes
};

}  // namespace millrace
