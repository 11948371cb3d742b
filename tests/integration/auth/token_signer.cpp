#include "token_signer.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <utility>

namespace millrace::test {

namespace {

using nlohmann::json;

std::string number(const BIGNUM* value, int bytes) {
  std::string text(static_cast<std::size_t>(bytes), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(text.data()), bytes);
  return text;
}

std::string number_in(const EVP_PKEY* key, const char* name, int bytes) {
  BIGNUM* value = nullptr;
  EVP_PKEY_get_bn_param(key, name, &value);
  std::string text = number(value, bytes == 0 ? BN_num_bytes(value) : bytes);
  BN_free(value);
  return text;
}

const EVP_MD* digest_of(const std::string& algorithm) {
  return algorithm.ends_with("512") ? EVP_sha512() : algorithm.ends_with("384") ? EVP_sha384() : EVP_sha256();
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

TokenSigner::TokenSigner(std::string algorithm, std::string secret, EVP_PKEY* key)
    : algorithm_(std::move(algorithm)), secret_(std::move(secret)), key_(key, EVP_PKEY_free) {}

TokenSigner TokenSigner::hs256(std::string secret) {
  return {"HS256", std::move(secret), nullptr};
}
TokenSigner TokenSigner::rs256(unsigned bits) {
  return {"RS256", {}, EVP_RSA_gen(bits)};
}
TokenSigner TokenSigner::es256(const char* curve) {
  return {"ES256", {}, EVP_EC_gen(curve)};
}

TokenSigner TokenSigner::as(std::string algorithm) const {
  TokenSigner other = *this;
  other.algorithm_ = std::move(algorithm);
  return other;
}

std::string TokenSigner::sign(const json& claims, json header) const {
  if (!header.contains("alg")) header["alg"] = algorithm_;
  const std::string text = base64url(header.dump()) + '.' + base64url(claims.dump());
  return text + '.' + base64url(signature_of(text));
}

std::string TokenSigner::signature_of(const std::string& text) const {
  const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
  std::string signature(1024, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  if (key_ == nullptr) {
    unsigned size = 0;
    HMAC(digest_of(algorithm_), secret_.data(), static_cast<int>(secret_.size()), data, text.size(), out, &size);
    signature.resize(size);
    return signature;
  }
  std::size_t size = signature.size();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* settings = nullptr;
  EVP_DigestSignInit(context, &settings, digest_of(algorithm_), nullptr, key_.get());
  if (algorithm_.starts_with("PS")) {  // [RFC 7518 3.5]
    EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST);
  }
  EVP_DigestSign(context, out, &size, data, text.size());
  EVP_MD_CTX_free(context);
  signature.resize(size);
  if (!algorithm_.starts_with("ES")) return signature;
  // [RFC 7518 3.4] R and S side by side, not in DER.
  const auto* der = reinterpret_cast<const unsigned char*>(signature.data());
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
  const int bytes = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
  std::string joined = number(ECDSA_SIG_get0_r(pair), bytes) + number(ECDSA_SIG_get0_s(pair), bytes);
  ECDSA_SIG_free(pair);
  return joined;
}

std::string TokenSigner::public_pem() const {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free_all(bio);
  return pem;
}

json TokenSigner::jwk() const {
  if (key_ == nullptr) return {{"kty", "oct"}, {"k", base64url(secret_)}};
  if (algorithm_ == "RS256") {
    return {{"kty", "RSA"},
            {"n", base64url(number_in(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0))},
            {"e", base64url(number_in(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0))}};
  }
  const int bytes = (EVP_PKEY_get_bits(key_.get()) + 7) / 8;
  return {{"kty", "EC"},
          {"crv", bytes == 32 ? "P-256" : "P-384"},
          {"x", base64url(number_in(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, bytes))},
          {"y", base64url(number_in(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, bytes))}};
}

}  // namespace millrace::test
