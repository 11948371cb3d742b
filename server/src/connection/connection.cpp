#include "connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

#include "connection_loop.h"
#include "millrace/core/limits.h"

namespace millrace {

namespace {

constexpr std::uint32_t kNothing = EPOLLONESHOT;

// There are very many of them, and what allocates them counts in steps of 16 bytes, 8 of which are its own.
static_assert(sizeof(void*) != 8 || sizeof(Connection) <= 184);

}  // namespace

Connection::Connection(ConnectionLoop& loop, int socket, Quota::Share share)
    : loop_(loop), socket_(socket), share_(std::move(share)) {}

Connection::~Connection() {
  loop_.event_loop().timers().cancel(*this);
  ::close(socket_);
}

void Connection::start() {
  set_deadline(loop_.settings().options.http.head_deadline);
  if (!watch()) close();
}

void Connection::refuse(std::string response) {
  is_refused_ = true;
  if (!watch()) return close();
  requests_.respond_last(*this, std::move(response));
}

bool Connection::watch() {
  watched_for_ = kInput;
  return loop_.event_loop().add(socket_, kInput, *this);
}

// Most requests need no call at all: what is watched for stays while a worker has the request, until something happens
// that has to wait.
void Connection::watch_for(std::uint32_t events) {
  if (std::exchange(watched_for_, events) != events) loop_.event_loop().modify(socket_, events, *this);
}

void Connection::want_output(bool wanted) {
  watch_for(kInput | (wanted ? EPOLLOUT : 0u));
}

void Connection::set_deadline(Duration after) {
  loop_.event_loop().timers().set(*this, loop_.event_loop().now() + after);
}

// The subscriber stays in the table until the turn ends: events may be on their way through it right now.
void Connection::close(StreamEnd reason) {
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kStreaming) stream_.leave(reason);
  phase_ = Phase::kClosed;
  stream_.stop_counting();
  loop_.event_loop().remove(socket_);
  loop_.discard(*this);
}

void Connection::on_ready(std::uint32_t events) {
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kHead:
    case Phase::kBody:
      return requests_.read(*this);
    case Phase::kResponding:
      return requests_.write(*this);
    case Phase::kStreaming:
      return stream_.on_ready(events);
    case Phase::kLingering:
      return discard_input();
    case Phase::kWorking:
      return watch_for(kNothing);
    case Phase::kClosed:
      return;
  }
}

void Connection::on_timer(TimePoint now) {
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody:
    case Phase::kResponding:
      return requests_.on_timer(*this);
    case Phase::kStreaming:
      return stream_.on_timer(now);
    case Phase::kIdle:
    case Phase::kLingering:
      return close();
    case Phase::kWorking:
    case Phase::kClosed:
      return;
  }
}

std::size_t Connection::send(std::span<iovec> buffers) {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  while (true) {
    const ssize_t count = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) close();
    return 0;
  }
}

// Closing with unread input would reset the connection, and with it a response still on its way. [RFC 9112 9.6]
void Connection::linger() {
  assert(phase_ != Phase::kClosed);
  phase_ = Phase::kLingering;
  stream_.stop_counting();
  ::shutdown(socket_, SHUT_WR);
  set_deadline(kLingerTimeout);
  watch_for(kInput);
}

void Connection::discard_input() {
  std::array<char, RequestSide::kReadBytes> buffer;
  for (int reads = 0; reads < RequestSide::kReadsPerTurn; ++reads) {
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    if (count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) close();
    return;
  }
}

}  // namespace millrace
