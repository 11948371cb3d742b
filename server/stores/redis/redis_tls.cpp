#include "redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>

namespace millrace {

namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::string why() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "the connection was closed";
}

bool is_ip(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

// For SNI: SSL_set_tlsext_host_name() without its cast.
long set_name(SSL* ssl, std::string name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

std::unique_ptr<SSL_CTX, FreeContext> context_of(const std::string& ca_file) {
  std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const int is_set = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                     : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (is_set != 1) throw RedisError("the authorities in \"" + ca_file + "\" cannot be read: " + why());
  return context;
}

}  // namespace

struct RedisTls::State {
  std::unique_ptr<SSL, FreeSsl> ssl;
  BIO* in = nullptr;   // the SSL's
  BIO* out = nullptr;  // likewise

  [[noreturn]] void fail() const {
    const long verified = SSL_get_verify_result(ssl.get());
    if (verified != X509_V_OK && !SSL_is_init_finished(ssl.get())) {
      ERR_clear_error();
      throw RedisError(std::string("TLS with Redis failed: the certificate is refused: ") +
                       X509_verify_cert_error_string(verified) +
                       "; the authority to trust is set by --store-ca (RedisOptions::ca_file)");
    }
    throw RedisError("TLS with Redis failed: " + why());
  }
  // Whether the call has to wait for more from Redis.
  bool must_wait(int result) const {
    const int error = SSL_get_error(ssl.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return true;
    fail();
  }
};

RedisTls::RedisTls(const std::string& host, const std::string& ca_file) : state_(std::make_unique<State>()) {
  ERR_clear_error();
  State& state = *state_;
  state.ssl.reset(SSL_new(context_of(ca_file).get()));  // which keeps the context
  if (state.ssl == nullptr) throw std::bad_alloc();
  state.in = BIO_new(BIO_s_mem());
  state.out = BIO_new(BIO_s_mem());
  if (state.in == nullptr || state.out == nullptr) {
    BIO_free(state.in);
    BIO_free(state.out);
    throw std::bad_alloc();
  }
  SSL_set_bio(state.ssl.get(), state.in, state.out);
  const bool is_set = is_ip(host)
                          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(state.ssl.get()), host.c_str()) == 1
                          : SSL_set1_host(state.ssl.get(), host.c_str()) == 1 && set_name(state.ssl.get(), host) == 1;
  if (!is_set) throw RedisError("\"" + host + "\" cannot be the name in a certificate: " + why());
  SSL_set_connect_state(state.ssl.get());
}

RedisTls::~RedisTls() = default;

bool RedisTls::shake_hands() {
  const int result = SSL_do_handshake(state_->ssl.get());
  return result == 1 || !state_->must_wait(result);
}

void RedisTls::feed(std::string_view sealed) {
  if (BIO_write(state_->in, sealed.data(), static_cast<int>(sealed.size())) != static_cast<int>(sealed.size())) {
    throw std::bad_alloc();
  }
}

std::string RedisTls::take_sealed() {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(state_->out, &bytes);
  std::string sealed(bytes, static_cast<std::size_t>(size));
  BIO_reset(state_->out);
  return sealed;
}

void RedisTls::write(std::string_view clear) {
  std::size_t written = 0;
  while (!clear.empty()) {
    // The buffer for what is sealed grows, so that this never waits.
    if (SSL_write_ex(state_->ssl.get(), clear.data(), clear.size(), &written) != 1) state_->fail();
    clear.remove_prefix(written);
  }
}

std::string RedisTls::read() {
  std::string clear(16 * 1024, '\0');
  const int count = SSL_read(state_->ssl.get(), clear.data(), static_cast<int>(clear.size()));
  if (count <= 0) {
    if (SSL_get_error(state_->ssl.get(), count) == SSL_ERROR_ZERO_RETURN) throw RedisError("Redis has closed it");
    static_cast<void>(state_->must_wait(count));
  }
  clear.resize(static_cast<std::size_t>(std::max(count, 0)));
  return clear;
}

}  // namespace millrace
