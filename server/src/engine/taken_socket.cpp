#include "taken_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace millrace {

namespace {

int option_of(int socket, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool listens_for_tcp(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return (address.ss_family == AF_INET || address.ss_family == AF_INET6) && option_of(socket, SO_TYPE) == SOCK_STREAM &&
         option_of(socket, SO_ACCEPTCONN) == 1;
}

}  // namespace

TakenSocket::TakenSocket(int socket) : socket_(socket) {
  if (!listens_for_tcp(socket)) throw std::invalid_argument("listening_socket: expected a listening TCP socket");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot take a listening socket");
  }
  for (const int one : {socket, pair[0], pair[1]}) ::fcntl(one, F_SETFD, FD_CLOEXEC);
  stand_in_ = pair[0];
  other_end_ = pair[1];
}

TakenSocket::~TakenSocket() {
  ::close(socket_);
  ::close(other_end_);
}

}  // namespace millrace
