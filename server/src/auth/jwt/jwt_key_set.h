// JwtKeySet: the keys for checking tokens, each with its only algorithm. It never changes.
//
// cjose checks the signatures, with OpenSSL. It is Debian's only maintained library that reads JSON Web Keys and
// verifies with a given key (Apache's OpenID Connect module uses it). libjwt trusts the algorithm that the token names
// and has no key sets; cpp-jwt has no key sets either.
#pragma once

#include <cjose/cjose.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class JwtKeySet {
 public:
  // Each function adds keys; on failure it throws std::invalid_argument with a sentence that begins with `option`.
  void add_secret(std::string_view secret, std::string_view option);
  void add_pem(const std::string& pem, std::string_view option);
  void add_jwks(const std::string& json, std::string_view option);

  bool empty() const { return keys_.empty(); }

  /// The token's payload, if a key of the set has signed it with the key's algorithm. [RFC 7515 5.2]
  std::optional<std::string> verify(std::string_view token) const;

 private:
  struct Release {
    void operator()(cjose_jwk_t* key) const { cjose_jwk_release(key); }
  };
  using KeyPtr = std::unique_ptr<cjose_jwk_t, Release>;
  struct Key {
    KeyPtr key;
    std::string_view algorithm;
    std::string id;  // `kid`; empty: for tokens with any `kid`
  };

  void add(KeyPtr key, std::string id, std::string_view option);

  std::vector<Key> keys_;
};

}  // namespace millrace
