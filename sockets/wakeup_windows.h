// Wakeup for Windows, in place of wakeup.h: a UDP socket of the loopback address that is connected to itself, since
// WSAPoll() waits for sockets only. It takes datagrams from nobody else.
#pragma once

#include <array>
#include <system_error>

#include "portable_calls.h"

namespace millrace {

class Wakeup {
 public:
  /// Throws std::system_error if the system has no socket left.
  Wakeup();
  ~Wakeup() { close_socket(socket_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Readable from the next set() until clear().
  int descriptor() const { return socket_; }

  /// Any thread.
  void set() const noexcept;
  void clear() const noexcept;

 private:
  bool connect_to_itself() const noexcept;

  int socket_ = -1;
};

inline Wakeup::Wakeup() {
  set_up_sockets();
  socket_ = open_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
  if (socket_ >= 0 && connect_to_itself()) return;
  const int error = ::WSAGetLastError();
  close_socket(socket_);
  throw std::system_error(error, std::system_category(), "cannot create a socket to be woken by");
}

inline bool Wakeup::connect_to_itself() const noexcept {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  int length = sizeof address;
  u_long non_blocking = 1;
  return ::bind(handle_of(socket_), any, length) == 0 && ::getsockname(handle_of(socket_), any, &length) == 0 &&
         ::connect(handle_of(socket_), any, length) == 0 &&
         ::ioctlsocket(handle_of(socket_), static_cast<long>(FIONBIO), &non_blocking) == 0;
}

inline void Wakeup::set() const noexcept {
  // It is dropped only if others wait to be read, and then the socket is readable.
  ::send(handle_of(socket_), "", 1, 0);
}

inline void Wakeup::clear() const noexcept {
  std::array<char, 16> ignored;
  while (::recv(handle_of(socket_), ignored.data(), static_cast<int>(ignored.size()), 0) > 0) continue;
}

}  // namespace millrace
