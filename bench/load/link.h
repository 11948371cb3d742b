// Link: one connection to the server, with or without TLS. Only connect() and exchange() wait.
#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "load.h"

namespace millrace::load {

struct SslFree {
  void operator()(SSL_CTX* one) const { SSL_CTX_free(one); }
  void operator()(SSL* one) const { SSL_free(one); }
};

/// The TLS context that all links of a process share; null without TLS. With `resume_tls` it keeps the first session.
/// Throws std::runtime_error if the load's certificates cannot be read.
using TlsSetUp = std::unique_ptr<SSL_CTX, SslFree>;
TlsSetUp tls_set_up(const Load& load);

class Link {
 public:
  /// Takes over a socket that is connected or is being connected. `tls`: null without TLS.
  Link(int socket, SSL_CTX* tls, const std::string& host);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Returns a connection that is ready for requests; throws std::runtime_error.
  static std::unique_ptr<Link> connect(const Load& load, SSL_CTX* tls);

  int socket() const { return socket_; }

  /// The events that poll() must wait for during the handshake.
  short wanted() const { return has_begun_ ? POLLIN : POLLOUT; }
  /// Closes with an RST, so that the port is free at once.
  void reset_at_end() const;

  enum class Handshake { kDone, kWaits, kFailed };
  /// Continues the handshake of a connected socket. Without TLS it is done at once.
  Handshake shake_hands();

  /// After the handshake: whether the server has chosen HTTP/2. Without TLS nothing was negotiated, and a client may
  /// try.
  bool may_speak_http2() const;

  /// Returns the number of bytes read; 0 at the end; a negative error, -EAGAIN if there is nothing to read.
  ssize_t read(char* data, std::size_t size);
  /// Returns the number of bytes sent; a negative error, -EAGAIN if the socket is full.
  ssize_t write(std::string_view bytes);
  /// Whether read() has bytes that poll() does not report.
  bool has_pending() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

  /// Waits until there is something to read(). Returns false after kPatience.
  bool wait_for_input() const;
  /// Sends all bytes. Throws std::runtime_error if the server does not accept them.
  void write_all(std::string_view bytes);

 private:
  ssize_t failed(int result) const;

  const int socket_;
  bool has_begun_ = false;             // the handshake
  std::unique_ptr<SSL, SslFree> ssl_;  // null without TLS
};

}  // namespace millrace::load
