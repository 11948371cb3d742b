// TlsContext with OpenSSL.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/invalid_option.h"
#include "mutex.h"
#include "openssl_channel.h"
#include "pem.h"
#include "tls_context.h"

namespace millrace {

namespace {

constexpr const char* kCertificates = "ServerOptions::tls.certificates";
constexpr const char* kChain = "ServerOptions::tls.certificates.chain";
constexpr const char* kKey = "ServerOptions::tls.certificates.key";
constexpr const char* kClientCa = "ServerOptions::tls.client_ca";
constexpr const char* kCustomize = "ServerOptions::tls.customize";

// For TLS 1.2.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

// For TLS 1.3: OpenSSL's three, but first the one with SHA-256, with which a handshake costs a tenth less.
constexpr const char* kSuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

// A certificate that expires sooner is reported.
constexpr std::chrono::hours kSoon{24 * 7};

struct ContextFree {
  void operator()(SSL_CTX* one) const { SSL_CTX_free(one); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;

// The protocols in the form of the extension. [RFC 7301 3.1]
std::string wire_form(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) wire.append(1, static_cast<char>(protocol.size())).append(protocol);
  return wire;
}

std::string list_of(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) list.append(list.empty() ? "" : ", ").append(protocol);
  return list;
}

// The result of reading all files once. Handshakes keep the one with which they began.
struct Identities {
  std::vector<ContextPtr> contexts;  // one per certificate; the first is also for clients that name no host
  std::vector<std::string> protocols;
  std::string protocols_on_wire;
};

bool is_for(SSL_CTX& context, const char* name) {
  X509* const certificate = SSL_CTX_get0_certificate(&context);
  return certificate != nullptr && X509_check_host(certificate, name, std::strlen(name), 0, nullptr) == 1;
}

// [RFC 6066 3] Chooses the first certificate if none is valid for the name: the client decides whether to accept it.
int choose_certificate(SSL* ssl, int*, void* of) {
  const auto& identities = *static_cast<const Identities*>(of);
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  for (const ContextPtr& context : identities.contexts) {
    if (!is_for(*context, name)) continue;
    if (context != identities.contexts.front()) SSL_set_SSL_CTX(ssl, context.get());
    return SSL_TLSEXT_ERR_OK;
  }
  std::string shown(name, std::min<std::size_t>(std::strlen(name), 253));  // [RFC 1035 2.3.4]
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c <= ' ' || c > '~'; }, '?');
  OpensslChannel::of(ssl).remark("name", "no certificate is for the name that the client asks for (SNI): " + shown);
  return SSL_TLSEXT_ERR_NOACK;
}

int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void* of) {
  const auto& identities = *static_cast<const Identities*>(of);
  const std::string& ours = identities.protocols_on_wire;
  unsigned char* found = nullptr;
  const int outcome = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (outcome == OPENSSL_NPN_NEGOTIATED) {
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
  }
  OpensslChannel::of(ssl).remark(
      "protocol", "the client offers no protocol (ALPN) that this server speaks: " + list_of(identities.protocols));
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// OpenSSL's macros contain C casts.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
void set_name_callback(SSL_CTX& context, Identities& identities) {
  SSL_CTX_set_tlsext_servername_callback(&context, &choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(&context, &identities);
}
#pragma GCC diagnostic pop

void set_up(SSL_CTX& context) {
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(&context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_cipher_list(&context, kCiphers);
  SSL_CTX_set_ciphersuites(&context, kSuites);
  // A client resumes with a ticket, of which it gets one; the server keeps no state for it.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(&context, 1);
  constexpr std::string_view kName = "millrace";
  SSL_CTX_set_session_id_context(&context, reinterpret_cast<const unsigned char*>(kName.data()), kName.size());
}

[[noreturn]] void refuse(const char* option, const Pem& pem, const std::string& problem) {
  throw InvalidOption(option, pem.path().empty() ? problem : '"' + pem.path() + "\" " + problem);
}

class OpensslContext final : public TlsContext {
 public:
  OpensslContext(ServerTls options, std::vector<std::string> protocols)
      : options_(std::move(options)), protocols_(std::move(protocols)), identities_(read()) {}

  std::unique_ptr<TlsChannel> open(int socket) const override {
    std::shared_ptr<const Identities> identities;
    {
      const MutexLock lock(mutex_);
      identities = identities_;
    }
    SSL_CTX& context = *identities->contexts.front();
    return std::make_unique<OpensslChannel>(context, socket, std::move(identities));
  }

  void reload() override {
    auto fresh = read();
    const MutexLock lock(mutex_);
    identities_ = std::move(fresh);
  }

 private:
  std::shared_ptr<const Identities> read() const {
    auto identities = std::make_shared<Identities>();
    identities->protocols = protocols_;
    identities->protocols_on_wire = wire_form(protocols_);
    if (options_.certificates.empty() && options_.customize == nullptr) {
      throw InvalidOption(kCertificates, "must contain at least one certificate with its key");
    }
    for (const TlsCertificate& certificate : options_.certificates) {
      ContextPtr context = make_context(*identities);
      use(certificate, *context);
      finish(*context);
      identities->contexts.push_back(std::move(context));
    }
    if (options_.certificates.empty()) {
      identities->contexts.push_back(make_context(*identities));
      finish(*identities->contexts.back());
    }
    return identities;
  }

  ContextPtr make_context(Identities& identities) const {
    ContextPtr context(SSL_CTX_new(TLS_server_method()));
    if (context == nullptr) throw std::bad_alloc();
    set_up(*context);
    set_name_callback(*context, identities);
    SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, &identities);
    if (!options_.client_ca.empty()) ask_for_certificates(*context);
    return context;
  }

  void use(const TlsCertificate& certificate, SSL_CTX& context) const {
    const auto chain = read_certificates({kChain, certificate.chain});
    for (const CertificatePtr& one : chain) check({kChain, certificate.chain}, *one);
    const KeyPtr key = read_key({kKey, certificate.key}, certificate.passphrase);
    if (is_readable_by_others(certificate.key)) {
      notify("other users of this machine can read the private key \"" + certificate.key.path() + "\": chmod 640 it");
    }
    if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
      ERR_clear_error();
      refuse(kKey, certificate.key, "does not belong to the certificate: they are of two different key pairs");
    }
    if (SSL_CTX_use_certificate(&context, chain.front().get()) != 1) {
      refuse(kChain, certificate.chain, "contains a certificate that OpenSSL does not use: " + take_openssl_error());
    }
    if (SSL_CTX_use_PrivateKey(&context, key.get()) != 1) {
      refuse(kKey, certificate.key, "contains a key that OpenSSL does not use: " + take_openssl_error());
    }
    for (auto one = chain.begin() + 1; one != chain.end(); ++one) SSL_CTX_add1_chain_cert(&context, one->get());
  }

  void check(const PemOption& option, const X509& certificate) const {
    const std::chrono::seconds left = check_validity(option, certificate);
    if (left > kSoon) return;
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(left).count();
    notify("a certificate of \"" + option.pem.path() + "\" expires in " + std::to_string(hours) + " hours");
  }

  void ask_for_certificates(SSL_CTX& context) const {
    X509_STORE* const store = SSL_CTX_get_cert_store(&context);
    for (const CertificatePtr& one : read_certificates({kClientCa, options_.client_ca})) {
      check({kClientCa, options_.client_ca}, *one);
      X509_STORE_add_cert(store, one.get());
      SSL_CTX_add_client_CA(&context, one.get());
    }
    SSL_CTX_set_verify(&context,
                       SSL_VERIFY_PEER | (options_.require_client_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
  }

  void finish(SSL_CTX& context) const {
    if (options_.customize != nullptr && !options_.customize(context))
      throw InvalidOption(kCustomize, "has returned false");
    if (SSL_CTX_get0_certificate(&context) == nullptr) throw InvalidOption(kCustomize, "has set no certificate");
    ERR_clear_error();
  }

  void notify(const std::string& notice) const {
    if (options_.on_notice != nullptr) options_.on_notice(notice);
  }

  const ServerTls options_;
  const std::vector<std::string> protocols_;
  mutable Mutex mutex_;
  std::shared_ptr<const Identities> identities_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<TlsContext> TlsContext::make(const ServerTls& options, std::vector<std::string> protocols) {
  return std::make_unique<OpensslContext>(options, std::move(protocols));
}

}  // namespace millrace
