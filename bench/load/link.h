// Link: one connection to the server, in the clear or by TLS. Nothing waits but connect() and exchange().
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

/// What all links of a process share; null in the clear. With `resume_tls` a session is among it, once a link has one.
/// Throws std::runtime_error if the load's certificates cannot be read.
using TlsSetUp = std::unique_ptr<SSL_CTX, SslFree>;
TlsSetUp tls_set_up(const Load& load);

class Link {
 public:
  /// On a socket that is being connected, or is. It owns the socket. `tls`: null in the clear.
  Link(int socket, SSL_CTX* tls, const std::string& host);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Connected, and ready for requests; throws std::runtime_error.
  static std::unique_ptr<Link> connect(const Load& load, SSL_CTX* tls);

  int socket() const { return socket_; }

  /// What poll() is to wait for during the handshake.
  short wanted() const { return has_begun_ ? POLLIN : POLLOUT; }
  /// Its end is an RST, so that its port is free at once.
  void reset_at_end() const;

  enum class Handshake { kDone, kWaits, kFailed };
  /// Once the socket is connected: goes on with the handshake. Done at once in the clear.
  Handshake shake_hands();

  /// Bytes read; 0 at the end; negative: -EAGAIN if nothing has come.
  ssize_t read(char* data, std::size_t size);
  /// Bytes sent; negative: -EAGAIN if nothing goes.
  ssize_t write(std::string_view bytes);
  /// read() has more that the socket does not show.
  bool has_pending() const { return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0; }

  /// Waits until there is something to read(), or kPatience is over; then false.
  bool wait_for_input() const;
  /// Sends all of it. Throws std::runtime_error if the server does not take it.
  void write_all(std::string_view bytes);

 private:
  ssize_t failed(int result) const;

  const int socket_;
  bool has_begun_ = false;             // the handshake
  std::unique_ptr<SSL, SslFree> ssl_;  // null in the clear
};

}  // namespace millrace::load
