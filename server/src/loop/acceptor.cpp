#include "acceptor.h"

#include <cerrno>
#include <utility>

#include "socket_calls.h"

namespace millrace {

namespace {

// Then the loop serves other sockets.
constexpr int kAcceptsPerTurn = 64;

}  // namespace

Acceptor::Acceptor(EventLoop& loop, int listening_socket, Take take)
    : loop_(loop), socket_(listening_socket), take_(std::move(take)) {
  watch();
}

Acceptor::~Acceptor() {
  loop_.timers().cancel(*this);
  loop_.remove(socket_);
}

void Acceptor::watch() {
  if (!loop_.add(socket_, Ready::kInput | Ready::kExclusive, *this))
    loop_.timers().set(*this, loop_.now() + kAcceptPause);
}

// Waits for descriptors to become free. Clients wait in the system's queue.
void Acceptor::pause() {
  loop_.remove(socket_);
  loop_.timers().set(*this, loop_.now() + kAcceptPause);
}

void Acceptor::on_timer(TimePoint) {
  watch();
}

void Acceptor::on_ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    const int accepted = accept_socket(socket_, peer);
    if (accepted >= 0) {
      take_(accepted, peer);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EINVAL:  // shut down
        return loop_.remove(socket_);
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return pause();
      default:
        continue;  // an error of one connection [accept(2): treat these like EAGAIN]
    }
  }
}

}  // namespace millrace
