// TLS in tests: an authority and certificates that are made when the test begins, and the client's end of a connection.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// A certificate with its key, both in PEM.
struct TestCertificate {
  std::string chain;
  std::string key;
};

/// An authority of this test's own.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  struct Wish {
    std::string common_name = "localhost";
    std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1"};
    long begins_in_seconds = -60;
    long ends_in_seconds = 60 * 60 * 24 * 365L;
    bool rsa = false;
  };
  TestCertificate issue(const Wish& wish) const;
  TestCertificate issue() const { return issue(Wish{}); }

  /// Its own certificate, for those that trust it.
  const std::string& certificate() const { return certificate_; }

 private:
  EVP_PKEY* key_;
  X509* own_;
  std::string certificate_;
};

/// The one of this process.
const TestAuthority& test_authority();

/// `key` as PEM that only `passphrase` opens.
std::string encrypted(const std::string& key, const std::string& passphrase);

/// How a TlsEnd behaves.
struct TlsWish {
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  std::string host = "localhost";           ///< for SNI, and to be verified; empty: neither
  std::vector<std::string> protocols = {};  ///< for ALPN
  TestCertificate certificate = {};         ///< its own; empty: none
  SSL_SESSION* session = nullptr;           ///< to come back with
  bool trusts = true;                       ///< the test's authority; false: nobody
};

/// The client's end of TLS, without a socket: bytes in, bytes out.
class TlsEnd {
 public:
  explicit TlsEnd(const TlsWish& wish = {});
  ~TlsEnd();
  TlsEnd(const TlsEnd&) = delete;
  TlsEnd& operator=(const TlsEnd&) = delete;

  /// Goes on with the handshake. False if it has failed.
  bool shake_hands();
  bool is_done() const { return SSL_is_init_finished(ssl_) == 1; }

  /// What has come from the server, and what is to go to it.
  void feed(std::string_view sealed);
  std::string take_output();

  /// Bytes in the clear.
  void write(std::string_view bytes);
  std::string read();
  /// The server has said goodbye (close_notify).
  bool is_ended() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  /// Something was wrong with what came.
  bool is_broken() const { return is_broken_; }
  void say_goodbye();

  SSL* ssl() { return ssl_; }
  std::string_view protocol() const;
  bool is_resumed() const { return SSL_session_reused(ssl_) == 1; }
  /// To come back with; the caller's. Null if the server has given none yet.
  SSL_SESSION* take_session();
  std::string error() const { return error_; }

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  SSL_CTX* context_;
  SSL* ssl_;
  SSL_SESSION* session_ = nullptr;
  bool is_broken_ = false;
  std::string error_;
};

/// Whether clients of this port speak TLS.
void set_speaks_tls(int port, bool speaks = true);
bool speaks_tls(int port);

}  // namespace millrace::test
