// Calls of sockets and pipes that some systems lack, as functions that all systems have. Each returns what the system's
// call returns, and sets errno.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace {

/// Flags of send() and sendmsg(): return at once, and raise no SIGPIPE.
#ifdef MSG_NOSIGNAL
inline constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
#else
inline constexpr int kSendFlags = MSG_DONTWAIT;  // macOS: set_up_descriptor() prevents SIGPIPE
#endif

/// Makes a descriptor non-blocking, closed by exec(), and silent if its peer is gone.
inline void set_up_descriptor(int descriptor) noexcept {
  ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

/// accept() of a socket that is set up like by set_up_descriptor().
inline int accept_socket(int listening_socket, sockaddr_storage& peer) noexcept {
  socklen_t length = sizeof peer;
  auto* const address = reinterpret_cast<sockaddr*>(&peer);
#ifdef SOCK_CLOEXEC
  return ::accept4(listening_socket, address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  const int accepted = ::accept(listening_socket, address, &length);
  if (accepted >= 0) set_up_descriptor(accepted);
  return accepted;
#endif
}

/// socket(), closed by exec().
inline int open_socket(int family, int type, int protocol) noexcept {
#ifdef SOCK_CLOEXEC
  return ::socket(family, type | SOCK_CLOEXEC, protocol);
#else
  const int opened = ::socket(family, type, protocol);
  if (opened >= 0) ::fcntl(opened, F_SETFD, FD_CLOEXEC);
  return opened;
#endif
}

/// socketpair() of streams, closed by exec().
inline int open_socket_pair(int (&ends)[2]) noexcept {
#ifdef SOCK_CLOEXEC
  return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
#else
  const int result = ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  if (result == 0) {
    for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  return result;
#endif
}

/// pipe(), closed by exec().
inline int open_pipe(int (&ends)[2]) noexcept {
#ifdef SOCK_CLOEXEC
  return ::pipe2(ends, O_CLOEXEC);
#else
  const int result = ::pipe(ends);
  if (result == 0) {
    for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  return result;
#endif
}

}  // namespace millrace
