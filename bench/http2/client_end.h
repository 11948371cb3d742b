// ClientEnd: the client's end of one connection to a BenchServer, in clear or over TLS, and what it says in HTTP/2.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace millrace::bench {

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;

/// Of clients that offer only HTTP/2, or only HTTP/1.1. They accept any certificate.
TlsContext client_tls(bool http2);

class ClientEnd {
 public:
  /// Connects, shakes hands if `tls` is not null, and sends `requests`; waits for all of it. `nth`: of the program's
  /// connections; with more than 18,000 they come from several addresses of 127.0.0.0/8, of which each has that many
  /// ports. Fails if it cannot.
  ClientEnd(int port, SSL_CTX* tls, std::size_t nth, std::string_view requests);
  ~ClientEnd();
  ClientEnd(const ClientEnd&) = delete;
  ClientEnd& operator=(const ClientEnd&) = delete;

  int socket() const { return socket_; }
  /// Sends a few bytes. Fails if the socket does not take them at once.
  void send(std::string_view bytes);
  /// Passes to `take` what has arrived. Fails if the server has closed the connection.
  template <typename Take>
  void read(Take take) {
    for (std::string_view bytes = read_some(); !bytes.empty(); bytes = read_some()) {
      take(bytes);
      if (ssl_ == nullptr) return;  // epoll reports the rest
    }
  }
  /// Closes the socket with an RST, as if the client had been killed.
  void cut();

 private:
  std::string_view read_some();

  int socket_;
  std::unique_ptr<SSL, FreeTls> ssl_;  // null in clear
};

enum class FrameKind : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindow = 8
};
void append_frame(FrameKind kind, std::uint8_t flags, std::uint32_t stream, std::string_view payload, std::string& out);

/// What a client says first: windows that never shut, and an acknowledgement of the server's settings.
std::string http2_preface();

/// Appends a request for the topic `a`, which resumes unless `last_event_id` is empty. `stream`: 1, 3, 5 and so on.
void append_subscription(std::uint32_t stream, std::string_view last_event_id, std::string& out);

}  // namespace millrace::bench
