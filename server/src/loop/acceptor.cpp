#include "acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "millrace/core/limits.h"

namespace millrace {

Acceptor::Acceptor(int listening_socket) : socket_(::fcntl(listening_socket, F_DUPFD_CLOEXEC, 0)) {}

Acceptor::~Acceptor() {
  if (socket_ >= 0) ::close(socket_);
}

void Acceptor::run(const std::function<void(int)>& take) const {
  while (true) {
    const int accepted = ::accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      take(accepted);
      continue;
    }
    switch (errno) {
      case EINVAL:  // shut down
      case EBADF:
      case ENOTSOCK:
      case EOPNOTSUPP:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // Until someone leaves. Who waits to be accepted waits in the system's queue.
        std::this_thread::sleep_for(kAcceptPause);
        continue;
      default:
        continue;  // what has become of one connection [accept(2): treat these like EAGAIN]
    }
  }
}

}  // namespace millrace
