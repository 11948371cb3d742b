// A port for a server that is given its port, and may come back to it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace millrace::test {

/// A port of 127.0.0.1 that stays this process's until it ends. A socket keeps it bound, and does not listen: servers
/// bind it all the same, as often as they like, since they set SO_REUSEADDR; but the system gives it to nothing that
/// asks for any port, server or connection. As long as no server listens there, connections are refused.
inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool bound = ::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0;
  if (!bound) throw std::system_error(errno, std::generic_category(), "no port is free");
#ifndef __linux__
  ::close(fd);  // elsewhere no server could bind it
#endif
  return ntohs(address.sin_port);
}

}  // namespace millrace::test
