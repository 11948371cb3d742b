// ServerTls: a Server's TLS: certificates, keys, and which client certificates it accepts.
//
//   millrace::Server server({.tls = millrace::ServerTls{
//       .certificates = {{.chain = millrace::Pem::file("/etc/millrace/fullchain.pem"),
//                         .key = millrace::Pem::file("/etc/millrace/privkey.pem")}}}});
//
// The server speaks TLS 1.3 and 1.2, the latter with ECDHE and AES-GCM or ChaCha20-Poly1305 only. On this port it sends
// clear text only to refuse a client that does not begin with TLS. docs/operations.md has examples.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/limits.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace millrace {

/// Certificates or a key in PEM: a file of at most kMaxPemBytes, or the text itself. Empty by default.
class Pem {
 public:
  Pem() = default;
  /// A file, which the server reads when it is created and at each Server::reload_tls().
  static Pem file(std::string path) { return {std::move(path), {}}; }
  static Pem text(std::string text) { return {{}, std::move(text)}; }  ///< the PEM itself

  /// Whether it has neither a file nor a text.
  bool empty() const { return path_.empty() && text_.empty(); }
  /// The file's path; empty for a text.
  const std::string& path() const { return path_; }
  /// The text; empty for a file.
  const std::string& inline_text() const { return text_; }

 private:
  Pem(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

  std::string path_;
  std::string text_;
};

/// A certificate with its key.
struct TlsCertificate {
  /// The server's certificate first, then the intermediate certificates.
  Pem chain = {};
  /// Its private key. The server warns of a file that other users may read.
  Pem key = {};
  /// The passphrase of an encrypted key; empty: the key must not be encrypted.
  std::string passphrase = {};
};

/// A Server's TLS. The server's constructor throws InvalidOption if a file cannot be read, a certificate has expired or
/// is not valid yet, or a key does not belong to its certificate.
struct ServerTls {
  /// At least one, unless `customize` sets one. A client that names a host (SNI) gets the first certificate that is
  /// valid for this host; otherwise a client gets the first of all.
  std::vector<TlsCertificate> certificates = {};

  /// Certificates of the authorities that sign client certificates. Empty: the server does not request one. An
  /// authorizer reads the subject with client_certificate_subject() (millrace/server/client_certificate.h).
  Pem client_ca = {};

  /// With `client_ca`: refuses the handshake of a client without a certificate. If false, such a client can connect. An
  /// invalid certificate is always refused.
  bool require_client_certificate = true;

  /// Time from accepting a connection until its handshake must be complete; then the server closes the connection.
  Duration handshake_deadline = kTlsHandshakeDeadline;

  /// Most handshakes at once. For one more, the server closes the connection whose client it has waited for longest.
  std::size_t max_handshakes = kMaxTlsHandshakes;

  /// Called with OpenSSL's context after its set-up, for each certificate, at the start and at each reload: for
  /// settings that the options above do not cover. Returning false counts as an invalid option.
  std::function<bool(ssl_ctx_st& context)> customize = nullptr;

  /// Called with a sentence for the log: a key file that other users may read, a certificate that expires soon, why a
  /// handshake failed. Handshakes are reported at most once in kForeignProtocolNoticeInterval for each reason. Called
  /// on the thread of the constructor, of reload_tls(), or of an event loop; must not wait.
  std::function<void(const std::string& notice)> on_notice = nullptr;
};

}  // namespace millrace
