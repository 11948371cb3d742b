// SslServer: a Server with the constructors of httplib::SSLServer, for programs that used that class.
//
//   millrace::SslServer server("cert.pem", "key.pem");  // was: httplib::SSLServer server("cert.pem", "key.pem");
//   server.listen("0.0.0.0", 443);
//
// New programs should set ServerOptions::tls, which can do more.
#pragma once

#include <functional>
#include <string>

#include "millrace/server/server.h"

struct evp_pkey_st;    // OpenSSL's EVP_PKEY
struct x509_st;        // X509
struct x509_store_st;  // X509_STORE

namespace millrace {

/// A Server that speaks TLS. Where an httplib::SSLServer would not be valid, the constructors throw InvalidOption with
/// the reason; an SslServer is always valid. A null string counts as not given. The constructors replace `options.tls`,
/// except its callbacks and bounds. As for Server, leave out `compiled_with`.
class SslServer : public Server {
 public:
  /// Certificate chain and key as PEM files. With `client_ca_file` or `client_ca_folder` (prepared by `openssl rehash`)
  /// a client must have a certificate signed by one of these authorities.
  explicit SslServer(const char* certificate_file, const char* key_file, const char* client_ca_file = nullptr,
                     const char* client_ca_folder = nullptr, const char* passphrase = nullptr,
                     const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});

  /// Certificate and key as OpenSSL objects, which the caller keeps owning. With `client_ca`, which the server shares,
  /// a client must have a certificate signed by one of its authorities.
  SslServer(x509_st* certificate, evp_pkey_st* key, x509_store_st* client_ca = nullptr,
            const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});

  /// `set_up` does the whole set-up, and returns false if it fails. Called at once, and at each reload_tls().
  explicit SslServer(const std::function<bool(ssl_ctx_st& context)>& set_up, const ServerOptions& options = {},
                     built_with::ThisCppHttplib compiled_with = {});

  /// True.
  bool is_valid() const override { return true; }
};

}  // namespace millrace
