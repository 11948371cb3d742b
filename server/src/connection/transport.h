// Transport: a connection's socket, and what its bytes pass through: nothing, or TLS. It owns both.
//
// Reading and writing never wait. The loop's thread has it; a worker has read() and write() while it has the request,
// and a producer of a request-scoped stream has write().
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cerrno>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "tls/tls_channel.h"

namespace millrace {

class Transport {
 public:
  /// A negative number stands for none: a stream of HTTP/2 has no socket.
  explicit Transport(int socket) : socket_(socket) {}
  /// Closes the socket.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int socket() const { return socket_; }

  bool is_clear() const { return tls_ == nullptr; }
  TlsChannel* tls() const { return tls_.get(); }
  /// From here on bytes pass through TLS; with null, through nothing.
  void set_tls(std::unique_ptr<TlsChannel> tls) { tls_ = std::move(tls); }

  /// Bytes read; 0: the client has ended; an errno, negated: -EAGAIN if nothing has come.
  ssize_t read(char* data, std::size_t size) { return is_clear() ? read_socket(data, size) : tls_->read(data, size); }
  /// Likewise, past TLS: for what nobody looks at.
  ssize_t read_socket(char* data, std::size_t size);

  /// Bytes have come that the socket says nothing of any more.
  bool has_pending_input() const { return !is_clear() && tls_->has_pending_input(); }

  /// Bytes taken, of which has_unsent() may be on its way yet; an errno, negated, if the connection is broken. With
  /// nothing to write it sends what is unsent.
  ssize_t write(std::span<iovec> buffers) {
    return is_clear() ? write_socket(buffers) : tls_->write(std::span<const iovec>(buffers));
  }
  ssize_t write(std::string_view bytes);

  /// Bytes have been taken that are no stream's and no response's any more, but that the socket has not taken: write()
  /// once it takes more.
  bool has_unsent() const { return !is_clear() && tls_->has_unsent(); }

  /// Nothing follows.
  void end_output();

 private:
  ssize_t write_socket(std::span<iovec> buffers);

  std::unique_ptr<TlsChannel> tls_;  // null: clear
  const int socket_;
};

}  // namespace millrace
