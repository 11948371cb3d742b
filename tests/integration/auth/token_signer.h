// TokenSigner: makes real keys and signs real tokens with them, by OpenSSL alone, so that it shares nothing with what
// it tests.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace millrace::test {

std::string base64url(std::string_view bytes);

class TokenSigner {
 public:
  static TokenSigner hs256(std::string secret);
  static TokenSigner rs256(unsigned bits = 2048);
  static TokenSigner es256(const char* curve = "P-256");

  /// The same key under another algorithm of its kind (HS512, RS384, PS256), with which it signs as that one says.
  TokenSigner as(std::string algorithm) const;

  /// A token with these claims, signed by the key; its header says the key's algorithm unless `header` says another.
  std::string sign(const nlohmann::json& claims, nlohmann::json header = nlohmann::json::object()) const;

  /// `BEGIN PUBLIC KEY`.
  std::string public_pem() const;
  /// The public key, or the secret, as a JSON Web Key.
  nlohmann::json jwk() const;

 private:
  using KeyPtr = std::shared_ptr<EVP_PKEY>;
  TokenSigner(std::string algorithm, std::string secret, EVP_PKEY* key);
  std::string signature_of(const std::string& text) const;

  std::string algorithm_;
  std::string secret_;
  KeyPtr key_;
};

}  // namespace millrace::test
