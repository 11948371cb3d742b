// Transport: a connection's socket, and its TLS if it has any. It owns both.
//
// Reading and writing never wait. For the loop's thread; a worker may use read() and write() while it handles the
// request, and a producer of a request-scoped stream may use write().
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
  /// A negative number means no socket, as for an HTTP/2 stream.
  explicit Transport(int socket) : socket_(socket) {}
  /// Closes the socket.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  int socket() const { return socket_; }

  bool is_clear() const { return tls_ == nullptr; }
  TlsChannel* tls() const { return tls_.get(); }
  /// Sends and receives through `tls` from now on; null: in the clear.
  void set_tls(std::unique_ptr<TlsChannel> tls) { tls_ = std::move(tls); }

  /// Returns the bytes read; 0 if the client has ended its input; a negated errno, -EAGAIN if no bytes are there.
  ssize_t read(char* data, std::size_t size) { return is_clear() ? read_socket(data, size) : tls_->read(data, size); }
  /// Likewise, bypassing TLS: for input that is thrown away.
  ssize_t read_socket(char* data, std::size_t size);

  /// Whether TLS holds received bytes, which the socket no longer reports.
  bool has_pending_input() const { return !is_clear() && tls_->has_pending_input(); }

  /// Returns the bytes taken (has_unsent() says whether some of them are still unsent); a negated errno if the
  /// connection is broken. An empty write sends unsent bytes.
  ssize_t write(std::span<iovec> buffers) {
    return is_clear() ? write_socket(buffers) : tls_->write(std::span<const iovec>(buffers));
  }
  ssize_t write(std::string_view bytes);

  /// Whether write() has taken bytes that the socket has not: call write() again when the socket takes more.
  bool has_unsent() const { return !is_clear() && tls_->has_unsent(); }

  /// Ends the output.
  void end_output();

 private:
  ssize_t write_socket(std::span<iovec> buffers);

  std::unique_ptr<TlsChannel> tls_;  // null: in the clear
  const int socket_;
};

}  // namespace millrace
