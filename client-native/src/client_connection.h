// ClientConnection: one TCP connection, plain or TLS, whose every wait ends when told to.
//
// The socket is non-blocking; connecting, reading and writing wait in an Interrupt, until the deadline in force.
#pragma once

#include <netdb.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "interrupt.h"
#include "millrace/client/url.h"
#include "tls.h"
#include "transport.h"

namespace millrace {

class ClientConnection {
 public:
  /// What both outlive the connection for: who ends its waits, and who says how long they may be.
  ClientConnection(const Interrupt& interrupt, const ResponseReceiver& receiver)
      : interrupt_(interrupt), receiver_(receiver) {}
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  /// Connects to the URL's host, one of its addresses after the other, and for https (`tls` is not null) makes the TLS
  /// session, all within `timeout` but for the name lookup, which has the system's. False: failure() says why.
  bool open(const Url& url, const TlsContext* tls, Duration timeout);

  /// At least one byte, 0 at the end of the stream, -1 with failure().
  ssize_t read(char* buffer, std::size_t size);
  /// At least one byte of them, -1 with failure().
  ssize_t write(const char* data, std::size_t size);

  int fd() const { return fd_; }

  /// Why a call has failed: kNetworkError, kTimeout or kStopped.
  const TransportResult& failure() const { return failure_; }

 private:
  bool connect_to(const addrinfo& address);
  bool handshake();
  bool wait(short events);
  bool fail(std::string problem);
  bool wait_as_told(TlsSession::Status status);

  const Interrupt& interrupt_;
  const ResponseReceiver& receiver_;
  std::string peer_;                           // for messages
  std::optional<TimePoint> connect_deadline_;  // while open() is at work
  Duration connect_timeout_{0};
  int fd_ = -1;
  std::unique_ptr<TlsSession> tls_;
  TransportResult failure_;
};

}  // namespace millrace
