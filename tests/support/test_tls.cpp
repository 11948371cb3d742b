#include "test_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>

namespace millrace::test {

namespace {

void require(bool good, const char* what) {
  if (good) return;
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw std::runtime_error(std::string("test certificates: ") + what + ": " + text.data());
}

std::string text_in(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return text_in(bio);
}

std::string pem_of(EVP_PKEY* key) {
  BIO* const bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_in(bio);
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make(EVP_PKEY* key, const std::string& common_name, long begin, long end) {
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
  X509_gmtime_adj(X509_getm_notAfter(certificate), end);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

struct Ports {
  std::mutex mutex;
  std::set<int> ports;
};
Ports& tls_ports() {
  static Ports ports;
  return ports;
}

}  // namespace

TestAuthority::TestAuthority()
    : key_(EVP_EC_gen("P-256")), own_(make(key_, "Millrace tests", -60, 60 * 60 * 24 * 3650L)) {
  X509_set_issuer_name(own_, X509_get_subject_name(own_));
  extend(own_, own_, NID_basic_constraints, "critical,CA:TRUE");
  extend(own_, own_, NID_key_usage, "critical,keyCertSign,cRLSign");
  require(X509_sign(own_, key_, EVP_sha256()) > 0, "sign");
  certificate_ = pem_of(own_);
}

TestAuthority::~TestAuthority() {
  X509_free(own_);
  EVP_PKEY_free(key_);
}

TestCertificate TestAuthority::issue(const Wish& wish) const {
  EVP_PKEY* const key = wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  X509* const certificate = make(key, wish.common_name, wish.begins_in_seconds, wish.ends_in_seconds);
  X509_set_issuer_name(certificate, X509_get_subject_name(own_));
  std::string names;
  for (const std::string& name : wish.names) names.append(names.empty() ? "" : ",").append(name);
  if (!names.empty()) extend(certificate, own_, NID_subject_alt_name, names);
  require(X509_sign(certificate, key_, EVP_sha256()) > 0, "sign");
  TestCertificate made{.chain = pem_of(certificate), .key = pem_of(key)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

const TestAuthority& test_authority() {
  static const TestAuthority authority;
  return authority;
}

std::string encrypted(const std::string& key, const std::string& passphrase) {
  BIO* const in = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
  EVP_PKEY* const read = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(out, read, EVP_aes_128_cbc(), passphrase.data(), static_cast<int>(passphrase.size()),
                                nullptr, nullptr);
  EVP_PKEY_free(read);
  return text_in(out);
}

TlsEnd::TlsEnd(const TlsWish& wish) : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX_set_security_level(context_, 0);  // old versions are asked for on purpose
  SSL_CTX_set_min_proto_version(context_, wish.min_version);
  SSL_CTX_set_max_proto_version(context_, wish.max_version);
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context_, &TlsEnd::keep_session);
  SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  if (wish.trusts) {
    const std::string& authority = test_authority().certificate();
    BIO* const bio = BIO_new_mem_buf(authority.data(), static_cast<int>(authority.size()));
    X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), certificate);
    X509_free(certificate);
    BIO_free(bio);
  }
  if (!wish.certificate.chain.empty()) {
    BIO* bio = BIO_new_mem_buf(wish.certificate.chain.data(), static_cast<int>(wish.certificate.chain.size()));
    X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(wish.certificate.key.data(), static_cast<int>(wish.certificate.key.size()));
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  ssl_ = SSL_new(context_);
  SSL_set_app_data(ssl_, this);
  SSL_set_connect_state(ssl_);
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (!wish.host.empty()) {
    // As OpenSSL's macro does, without its cast of C.
    SSL_ctrl(ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(wish.host.c_str()));
    SSL_set1_host(ssl_, wish.host.c_str());
  }
  std::string protocols;
  for (const std::string& one : wish.protocols) protocols.append(1, static_cast<char>(one.size())).append(one);
  if (!protocols.empty()) {
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  }
  if (wish.session != nullptr) SSL_set_session(ssl_, wish.session);
}

TlsEnd::~TlsEnd() {
  SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // else its session could not be used again
  SSL_SESSION_free(session_);
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

int TlsEnd::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto& end = *static_cast<TlsEnd*>(SSL_get_app_data(ssl));
  SSL_SESSION_free(end.session_);
  end.session_ = session;
  return 1;
}

SSL_SESSION* TlsEnd::take_session() {
  return std::exchange(session_, nullptr);
}

bool TlsEnd::shake_hands() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1 || SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return true;
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  error_ = text.data();
  is_broken_ = true;
  return false;
}

void TlsEnd::feed(std::string_view sealed) {
  BIO_write(SSL_get_rbio(ssl_), sealed.data(), static_cast<int>(sealed.size()));
}

std::string TlsEnd::take_output() {
  std::string output(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
  if (!output.empty()) BIO_read(SSL_get_wbio(ssl_), output.data(), static_cast<int>(output.size()));
  return output;
}

void TlsEnd::write(std::string_view bytes) {
  if (bytes.empty()) return;
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) != 1) is_broken_ = true;
}

std::string TlsEnd::read() {
  std::string all;
  std::array<char, 16 * 1024> bytes;
  while (true) {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_, bytes.data(), bytes.size(), &count);
    if (result == 1) {
      all.append(bytes.data(), count);
      continue;
    }
    const int error = SSL_get_error(ssl_, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN) {
      std::array<char, 256> text{};
      ERR_error_string_n(ERR_get_error(), text.data(), text.size());
      error_ = text.data();
      is_broken_ = true;
    }
    return all;
  }
}

void TlsEnd::say_goodbye() {
  if (!is_broken_ && is_done()) SSL_shutdown(ssl_);
}

std::string_view TlsEnd::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

void set_speaks_tls(int port, bool speaks) {
  const std::lock_guard lock(tls_ports().mutex);
  if (speaks) {
    tls_ports().ports.insert(port);
  } else {
    tls_ports().ports.erase(port);
  }
}

bool speaks_tls(int port) {
  const std::lock_guard lock(tls_ports().mutex);
  return tls_ports().ports.contains(port);
}

}  // namespace millrace::test
