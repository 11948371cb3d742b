// Calls of sockets that Windows has under other names, for what also compiles there: the native client. With them come
// inet_pton() and the types of addresses. A socket is an int everywhere.
#pragma once

#ifdef _WIN32
#include "portable_calls_windows.h"
#else

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <cstddef>

#include "socket_calls.h"

namespace millrace {

/// Once in each program, before any other call; throws std::system_error. Only Windows needs it.
inline void set_up_sockets() {}

inline int close_socket(int socket) noexcept {
  return ::close(socket);
}

/// shutdown() of both directions.
inline int shut_down_socket(int socket) noexcept {
  return ::shutdown(socket, SHUT_RDWR);
}

/// A second descriptor of the socket, closed by exec(); -1 if there can be none.
inline int duplicate_socket(int socket) noexcept {
  return ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

inline int poll_sockets(pollfd* sockets, std::size_t count, int milliseconds) noexcept {
  return ::poll(sockets, static_cast<nfds_t>(count), milliseconds);
}

}  // namespace millrace

#endif
