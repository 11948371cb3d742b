#include "jwt_key_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "auth/credentials.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/jwt_authorizer.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;

[[noreturn]] void fail(std::string_view option, const std::string& sentence) {
  throw InvalidOption(std::string(option), sentence);
}

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using PublicKeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
struct FreeText {
  void operator()(char* text) const { cjose_get_dealloc()(text); }
};
using TextPtr = std::unique_ptr<char, FreeText>;
using SignaturePtr = std::unique_ptr<cjose_jws_t, Free<cjose_jws_release>>;

std::vector<std::uint8_t> number_in(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  const BignumPtr owner(number);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(number == nullptr ? 0 : BN_num_bytes(number)));
  if (number != nullptr) BN_bn2bin(number, bytes.data());
  return bytes;
}

std::uint8_t* data_of(std::vector<std::uint8_t>& bytes) {
  return bytes.data();
}

// Before cjose gets the key: newer versions refuse a short one without a reason.
void refuse_short_rsa(std::size_t bits, std::string_view option) {
  if (bits >= static_cast<std::size_t>(kMinRsaKeyBits)) return;
  fail(option, "an RSA key is shorter than " + std::to_string(kMinRsaKeyBits) + " bits");
}

// Null if cjose has no such key.
cjose_jwk_t* jwk_of(const EVP_PKEY* key) {
  cjose_err error{};
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
    auto n = number_in(key, OSSL_PKEY_PARAM_RSA_N);
    auto e = number_in(key, OSSL_PKEY_PARAM_RSA_E);
    cjose_jwk_rsa_keyspec spec{};
    spec.n = data_of(n);
    spec.nlen = n.size();
    spec.e = data_of(e);
    spec.elen = e.size();
    return cjose_jwk_create_RSA_spec(&spec, &error);
  }
  std::array<char, 32> curve{};
  EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size(), nullptr);
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC || std::string_view(curve.data()) != "prime256v1") return nullptr;
  auto x = number_in(key, OSSL_PKEY_PARAM_EC_PUB_X);
  auto y = number_in(key, OSSL_PKEY_PARAM_EC_PUB_Y);
  cjose_jwk_ec_keyspec spec{};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.x = data_of(x);
  spec.xlen = x.size();
  spec.y = data_of(y);
  spec.ylen = y.size();
  return cjose_jwk_create_EC_spec(&spec, &error);
}

// The only algorithm of a key; empty if Millrace does not support it.
std::string_view algorithm_of(const cjose_jwk_t* key) {
  cjose_err error{};
  switch (cjose_jwk_get_kty(key, &error)) {
    case CJOSE_JWK_KTY_OCT:
      return "HS256";
    case CJOSE_JWK_KTY_RSA:
      return "RS256";
    case CJOSE_JWK_KTY_EC:
      return cjose_jwk_EC_get_curve(key, &error) == CJOSE_JWK_EC_P_256 ? "ES256" : "";
  }
  return {};
}

std::string string_in(const json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

// Whether the text is base64url without padding. cjose must not get other text, at which it may end the process. [RFC
// 7515 2; RFC 4648 5]
bool is_base64url(std::string_view text) {
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return text.size() % 4 != 1 && std::all_of(text.begin(), text.end(), is_digit);
}

// Header, payload and signature, none of them empty. [RFC 7515 7.1]
bool is_compact_serialization(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t last = token.rfind('.');
  if (first == last || first == 0 || last == first + 1 || last + 1 == token.size()) return false;
  return is_base64url(token.substr(0, first)) && is_base64url(token.substr(first + 1, last - first - 1)) &&
         is_base64url(token.substr(last + 1));
}

// Whether the members of a key can be read. [RFC 7518 6]
bool has_readable_parameters(const json& key) {
  constexpr std::array<const char*, 11> kParameters{"k", "n", "e", "x", "y", "d", "p", "q", "dp", "dq", "qi"};
  return std::all_of(kParameters.begin(), kParameters.end(),
                     [&](const char* name) { return is_base64url(string_in(key, name)); });
}

// Whether a key of a key set has a type and a use that Millrace supports.
bool is_for_tokens(const json& key) {
  const std::string kind = string_in(key, "kty");
  const std::string use = string_in(key, "use");
  const std::string algorithm = string_in(key, "alg");
  if (!use.empty() && use != "sig") return false;
  if (kind == "oct") return algorithm.empty() || algorithm == "HS256";
  if (kind == "RSA") return algorithm.empty() || algorithm == "RS256";
  return kind == "EC" && string_in(key, "crv") == "P-256" && (algorithm.empty() || algorithm == "ES256");
}

}  // namespace

void JwtKeySet::add(KeyPtr key, std::string id, std::string_view option) {
  cjose_err error{};
  const std::string_view algorithm = algorithm_of(key.get());
  const std::size_t bits = cjose_jwk_get_keysize(key.get(), &error);
  if (algorithm == "HS256" && bits < kMinTokenSecretBytes * 8) {
    fail(option, "a secret is shorter than " + std::to_string(kMinTokenSecretBytes) +
                     " bytes; openssl rand -hex 32 makes a good one");
  }
  if (keys_.size() == kMaxTokenKeys) {
    fail(option, "more than " + std::to_string(kMaxTokenKeys) + " keys in all; remove keys that are not in use");
  }
  keys_.push_back({.key = std::move(key), .algorithm = algorithm, .id = std::move(id)});
}

void JwtKeySet::add_secret(std::string_view secret, std::string_view option) {
  cjose_err error{};
  // cjose cannot make a key of zero bytes.
  KeyPtr key(cjose_jwk_create_oct_spec(reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size(), &error));
  if (key == nullptr) fail(option, "the secret is empty");
  add(std::move(key), {}, option);
}

void JwtKeySet::add_pem(const std::string& pem, std::string_view option) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::size_t before = keys_.size();
  while (const PublicKeyPtr parsed{PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)}) {
    if (EVP_PKEY_get_base_id(parsed.get()) == EVP_PKEY_RSA) {
      refuse_short_rsa(static_cast<std::size_t>(EVP_PKEY_get_bits(parsed.get())), option);
    }
    KeyPtr key(jwk_of(parsed.get()));
    if (key == nullptr) fail(option, "a key is neither RSA nor on the curve P-256: expected a key for RS256 or ES256");
    add(std::move(key), {}, option);
  }
  if (keys_.size() == before) {
    fail(option,
         "contains no public key in PEM form (BEGIN PUBLIC KEY); openssl pkey -pubout makes one from a private key");
  }
}

void JwtKeySet::add_jwks(const std::string& text, std::string_view option) {
  const json set = parse_json(text, kMaxKeyFileBytes);
  const auto members = set.is_object() ? set.find("keys") : set.end();
  if (!set.is_object() || members == set.end() || !members->is_array()) {
    fail(option, "is not a JSON Web Key Set: expected {\"keys\": [...]}");
  }
  const std::size_t before = keys_.size();
  for (const json& member : *members) {
    if (!member.is_object() || !is_for_tokens(member)) continue;
    const std::string modulus = string_in(member, "n");
    if (string_in(member, "kty") == "RSA" && !modulus.empty() && is_base64url(modulus)) {
      refuse_short_rsa(modulus.size() * 3 / 4 * 8, option);
    }
    const std::string member_text = member.dump();
    cjose_err error{};
    KeyPtr key(has_readable_parameters(member) ? cjose_jwk_import(member_text.data(), member_text.size(), &error)
                                               : nullptr);
    const std::string id = string_in(member, "kid");
    if (key == nullptr) fail(option, "the key \"" + id + "\" is malformed");
    add(std::move(key), id, option);
  }
  if (keys_.size() == before) fail(option, "contains no key for RS256, ES256 or HS256");
}

std::optional<std::string> JwtKeySet::verify(std::string_view token) const {
  if (!is_compact_serialization(token)) return std::nullopt;
  cjose_err error{};
  const SignaturePtr signature(cjose_jws_import(token.data(), token.size(), &error));
  if (signature == nullptr) return std::nullopt;
  cjose_header_t* const header = cjose_jws_get_protected(signature.get());
  // No extension of `crit` is supported. [RFC 7515 4.1.11]
  const TextPtr critical(cjose_header_get_raw(header, "crit", &error));
  if (critical != nullptr) return std::nullopt;
  const char* const algorithm = cjose_header_get(header, CJOSE_HDR_ALG, &error);
  const char* const id = cjose_header_get(header, CJOSE_HDR_KID, &error);
  if (algorithm == nullptr) return std::nullopt;
  for (const Key& key : keys_) {
    if (key.algorithm != algorithm || (id != nullptr && !key.id.empty() && key.id != id)) continue;
    if (!cjose_jws_verify(signature.get(), key.key.get(), &error)) continue;
    std::uint8_t* payload = nullptr;
    std::size_t size = 0;
    if (!cjose_jws_get_plaintext(signature.get(), &payload, &size, &error)) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(payload), size);
  }
  return std::nullopt;
}

}  // namespace millrace
