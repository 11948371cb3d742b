// ServerTls: TLS of a Server: certificates, keys, and which clients' certificates it accepts.
//
//   millrace::Server server({.tls = millrace::ServerTls{
//       .certificates = {{.chain = millrace::Pem::file("/etc/millrace/fullchain.pem"),
//                         .key = millrace::Pem::file("/etc/millrace/privkey.pem")}}}});
//
// The server speaks TLS 1.3 and 1.2, the latter with ECDHE and AES-GCM or ChaCha20-Poly1305 only. It never sends clear
// text on the port, but for a refusal to a client that does not begin with TLS. docs/operations.md has examples.
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

/// Certificates or a key in PEM: a file of at most kMaxPemBytes, or the text itself. One that is made by default has
/// neither.
class Pem {
 public:
  Pem() = default;
  /// A file, which is read when the server is made, and again at each Server::reload_tls().
  static Pem file(std::string path) { return {std::move(path), {}}; }
  static Pem text(std::string text) { return {{}, std::move(text)}; }  ///< the PEM itself

  /// Whether it is neither.
  bool empty() const { return path_.empty() && text_.empty(); }
  /// The file; empty if it is the text itself.
  const std::string& path() const { return path_; }
  /// The text; empty if it is a file.
  const std::string& inline_text() const { return text_; }

 private:
  Pem(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

  std::string path_;
  std::string text_;
};

/// A certificate with its key.
struct TlsCertificate {
  /// The server's certificate first, then those that lead to the client's root.
  Pem chain = {};
  /// Its private key. The server warns of a file that other users may read.
  Pem key = {};
  /// Of an encrypted key; empty: the key must not be encrypted.
  std::string passphrase = {};
};

/// TLS of a Server. The server's constructor throws InvalidOption if a file cannot be read, a certificate is expired or
/// not valid yet, or a key does not belong to its certificate.
struct ServerTls {
  /// At least one, unless `customize` sets one. A client that names a host (SNI) gets the first certificate that is
  /// valid for this host; without one, and without a name, it gets the first of all.
  std::vector<TlsCertificate> certificates = {};

  /// Certificates of the authorities that sign clients' certificates. Not set: clients are not asked for one. An
  /// authorizer reads the subject by client_certificate_subject() (millrace/server/client_certificate.h).
  Pem client_ca = {};

  /// With `client_ca`: refuses the handshake of a client without a certificate. False lets it connect without one. A
  /// certificate that is not valid is always refused.
  bool require_client_certificate = true;

  /// Time from accepting until the handshake must be done; then the connection is closed.
  Duration handshake_deadline = kTlsHandshakeDeadline;

  /// Most handshakes at once. One more closes the connection whose client has kept the server waiting longest.
  std::size_t max_handshakes = kMaxTlsHandshakes;

  /// Called with OpenSSL's context when it has been set up, for each certificate, at the start and at each reload: to
  /// change what the options above do not. False is refused like an invalid option.
  std::function<bool(ssl_ctx_st& context)> customize = nullptr;

  /// Called with a sentence for the log: a key file that others may read, a certificate that is about to expire, why a
  /// handshake failed. Handshakes are reported at most once in kForeignProtocolNoticeInterval for each reason. Called
  /// on the thread of the constructor, of reload_tls(), or of an event loop; must not wait.
  std::function<void(const std::string& notice)> on_notice = nullptr;
};

}  // namespace millrace
