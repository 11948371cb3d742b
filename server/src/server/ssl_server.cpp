#include "millrace/server/ssl_server.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>
#include <utility>

#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

Pem file(const char* path) {
  return path != nullptr ? Pem::file(path) : Pem();
}

template <typename Write>
Pem text_by(const char* option, Write write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (bio == nullptr || write(bio.get()) != 1) {
    ERR_clear_error();
    throw InvalidOption(option, "is not an object of OpenSSL that can be written as PEM");
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return Pem::text({bytes, static_cast<std::size_t>(size)});
}

ServerOptions with(ServerOptions options, ServerTls tls) {
  if (options.tls) {
    tls.handshake_deadline = options.tls->handshake_deadline;
    tls.max_handshakes = options.tls->max_handshakes;
    tls.on_notice = options.tls->on_notice;
    if (tls.customize == nullptr) tls.customize = options.tls->customize;
  }
  options.tls = std::move(tls);
  return options;
}

bool demand_certificates(SSL_CTX& context) {
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return true;
}

ServerTls of_files(const char* certificate, const char* key, const char* client_ca, const char* client_ca_folder,
                   const char* passphrase) {
  ServerTls tls{.certificates = {{.chain = file(certificate),
                                  .key = file(key),
                                  .passphrase = passphrase != nullptr ? passphrase : ""}},
                .client_ca = file(client_ca)};
  if (client_ca_folder != nullptr) {
    tls.customize = [folder = std::string(client_ca_folder)](SSL_CTX& context) {
      return SSL_CTX_load_verify_locations(&context, nullptr, folder.c_str()) == 1 && demand_certificates(context);
    };
  }
  return tls;
}

ServerTls of_objects(X509* certificate, EVP_PKEY* key, X509_STORE* client_ca) {
  ServerTls tls{
      .certificates = {{.chain = text_by("certificate", [&](BIO* to) { return PEM_write_bio_X509(to, certificate); }),
                        .key = text_by("key", [&](BIO* to) {
                          return PEM_write_bio_PKCS8PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
                        })}}};
  if (client_ca == nullptr) return tls;
  X509_STORE_up_ref(client_ca);
  tls.customize = [store = std::shared_ptr<X509_STORE>(client_ca, &X509_STORE_free)](SSL_CTX& context) {
    SSL_CTX_set1_cert_store(&context, store.get());
    return demand_certificates(context);
  };
  return tls;
}

}  // namespace

SslServer::SslServer(const char* certificate_file, const char* key_file, const char* client_ca_file,
                     const char* client_ca_folder, const char* passphrase, const ServerOptions& options,
                     built_with::ThisCppHttplib /*compiled_with*/)
    : Server(with(options, of_files(certificate_file, key_file, client_ca_file, client_ca_folder, passphrase))) {}

SslServer::SslServer(X509* certificate, EVP_PKEY* key, X509_STORE* client_ca, const ServerOptions& options,
                     built_with::ThisCppHttplib /*compiled_with*/)
    : Server(with(options, of_objects(certificate, key, client_ca))) {}

SslServer::SslServer(const std::function<bool(SSL_CTX&)>& set_up, const ServerOptions& options,
                     built_with::ThisCppHttplib /*compiled_with*/)
    : Server(with(options, {.customize = set_up})) {}

}  // namespace millrace
