#include "client_connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "clock.h"

namespace millrace {

namespace {

using Ending = TransportResult::Ending;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

}  // namespace

ClientConnection::~ClientConnection() {
  if (fd_ >= 0) close(fd_);
}

bool ClientConnection::open(const Url& url, const TlsContext* tls, Duration timeout) {
  peer_ = (url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]") + ":" + std::to_string(url.port);
  connect_timeout_ = timeout;

  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (error != 0) return fail("cannot find host \"" + url.host + "\": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);

  connect_deadline_ = now() + timeout;
  for (const addrinfo* address = found; address != nullptr && fd_ < 0; address = address->ai_next) {
    if (!connect_to(*address) && failure_.ending != Ending::kNetworkError) return false;
  }
  if (fd_ < 0) return false;
  if (tls != nullptr) {
    tls_ = std::make_unique<TlsSession>(*tls, fd_, url.host);
    if (!handshake()) return false;
  }
  connect_deadline_.reset();
  return true;
}

bool ClientConnection::connect_to(const addrinfo& address) {
  fd_ = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (fd_ < 0) return fail("cannot make a socket: " + std::string(std::strerror(errno)));
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);

  int error = connect(fd_, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  bool waited = true;
  if (error == EINPROGRESS || error == EINTR) {
    waited = wait(POLLOUT);
    socklen_t size = sizeof error;
    if (waited) getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (waited && error == 0) return true;
  if (waited) fail("cannot connect to " + peer_ + ": " + std::strerror(error));
  close(fd_);
  fd_ = -1;
  return false;
}

bool ClientConnection::handshake() {
  while (true) {
    const TlsSession::Status status = tls_->handshake();
    if (status == TlsSession::Status::kDone) return true;
    if (status == TlsSession::Status::kEnd) return fail("no TLS session with " + peer_ + ": the server hung up");
    if (status == TlsSession::Status::kError) return fail("no TLS session with " + peer_ + ": " + tls_->error());
    if (!wait_as_told(status)) return false;
  }
}

ssize_t ClientConnection::read(char* buffer, std::size_t size) {
  while (true) {
    if (tls_) {
      std::size_t got = 0;
      const TlsSession::Status status = tls_->read(buffer, size, got);
      if (status == TlsSession::Status::kDone) return static_cast<ssize_t>(got);
      if (status == TlsSession::Status::kEnd) return 0;
      if (status == TlsSession::Status::kError) return fail("the connection broke: " + tls_->error()), -1;
      if (!wait_as_told(status)) return -1;
    } else {
      const ssize_t got = recv(fd_, buffer, size, 0);
      if (got >= 0) return got;
      if (errno != EAGAIN && errno != EINTR)
        return fail(std::string("the connection broke: ") + std::strerror(errno)), -1;
      if (!wait(POLLIN)) return -1;
    }
  }
}

ssize_t ClientConnection::write(const char* data, std::size_t size) {
  while (true) {
    if (tls_) {
      std::size_t put = 0;
      const TlsSession::Status status = tls_->write(data, size, put);
      if (status == TlsSession::Status::kDone) return static_cast<ssize_t>(put);
      if (status == TlsSession::Status::kEnd) return fail("the connection broke: the server hung up"), -1;
      if (status == TlsSession::Status::kError) return fail("the connection broke: " + tls_->error()), -1;
      if (!wait_as_told(status)) return -1;
    } else {
      const ssize_t put = send(fd_, data, size, MSG_NOSIGNAL);
      if (put >= 0) return put;
      if (errno != EAGAIN && errno != EINTR)
        return fail(std::string("the connection broke: ") + std::strerror(errno)), -1;
      if (!wait(POLLOUT)) return -1;
    }
  }
}

bool ClientConnection::wait_as_told(TlsSession::Status status) {
  return wait(status == TlsSession::Status::kWantRead ? POLLIN : POLLOUT);
}

bool ClientConnection::wait(short events) {
  const std::optional<TimePoint> receivers = receiver_.deadline();
  const bool connecting_ends_first = connect_deadline_ && (!receivers || *connect_deadline_ < *receivers);
  switch (interrupt_.wait(fd_, events, connecting_ends_first ? connect_deadline_ : receivers)) {
    case Interrupt::Wake::kReady:
      return true;
    case Interrupt::Wake::kTimeout:
      if (connecting_ends_first) {
        return fail("no connection to " + peer_ + " within " + std::to_string(connect_timeout_.count()) + " ms");
      }
      failure_ = {Ending::kTimeout};
      return false;
    case Interrupt::Wake::kInterrupted:
      failure_ = {Ending::kStopped};
      return false;
  }
  return false;
}

bool ClientConnection::fail(std::string problem) {
  failure_ = {Ending::kNetworkError, std::move(problem)};
  return false;
}

}  // namespace millrace
