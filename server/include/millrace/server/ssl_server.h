// SslServer: a Server with the constructors of httplib::SSLServer, for programs that come from it.
//
//   millrace::SslServer server("cert.pem", "key.pem");  // was: httplib::SSLServer server("cert.pem", "key.pem");
//   server.listen("0.0.0.0", 443);
//
// New programs set ServerOptions::tls, which can do more.
#pragma once

#include <functional>
#include <string>

#include "millrace/server/server.h"

struct evp_pkey_st;    // OpenSSL's EVP_PKEY
struct x509_st;        // X509
struct x509_store_st;  // X509_STORE

namespace millrace {

/// A Server that speaks TLS. Where httplib::SSLServer would not be valid, its constructors throw InvalidOption with the
/// reason; one that is made is valid. Strings that are null are not given. `options` are those of any Server; their
/// `tls` is replaced, but for its callbacks and bounds. `compiled_with` is as for Server: leave it out.
class SslServer : public Server {
 public:
  /// Certificate chain and key as PEM files. With `client_ca_file` or `client_ca_folder` (as `openssl rehash` makes it)
  /// a client must have a certificate that one of these has signed.
  explicit SslServer(const char* certificate_file, const char* key_file, const char* client_ca_file = nullptr,
                     const char* client_ca_folder = nullptr, const char* passphrase = nullptr,
                     const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});

  /// Certificate and key as OpenSSL's objects, which stay the caller's. With `client_ca`, which the server shares, a
  /// client must have a certificate of its.
  SslServer(x509_st* certificate, evp_pkey_st* key, x509_store_st* client_ca = nullptr,
            const ServerOptions& options = {}, built_with::ThisCppHttplib compiled_with = {});

  /// All is done by `set_up`, which returns false if it fails. Called at once, and at each reload_tls().
  explicit SslServer(const std::function<bool(ssl_ctx_st& context)>& set_up, const ServerOptions& options = {},
                     built_with::ThisCppHttplib compiled_with = {});

  /// True.
  bool is_valid() const override { return true; }
};

}  // namespace millrace
