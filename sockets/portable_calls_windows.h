// portable_calls.h, by Winsock: it includes this file. Windows makes no handle with more than 32 bits, so that a SOCKET
// fits into an int.
#pragma once

#include <winsock2.h>
#include <ws2tcpip.h>

#include <cstddef>
#include <system_error>

namespace millrace {

inline void set_up_sockets() {
  static const int kError = [] {
    WSADATA data{};
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (kError != 0) throw std::system_error(kError, std::system_category(), "cannot start Winsock");
}

inline SOCKET handle_of(int socket) noexcept {
  return static_cast<SOCKET>(socket);
}

/// socket(), not inherited by other programs.
inline int open_socket(int family, int type, int protocol) noexcept {
  return static_cast<int>(
      ::WSASocketW(family, type, protocol, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

inline int close_socket(int socket) noexcept {
  return ::closesocket(handle_of(socket));
}

inline int shut_down_socket(int socket) noexcept {
  return ::shutdown(handle_of(socket), SD_BOTH);
}

// A duplicate would not be another socket to WSAPoll().
inline int duplicate_socket(int /*socket*/) noexcept {
  return -1;
}

// Before version 2004 of Windows 10 this reports no connection that fails: libcurl's own timeout ends it then.
inline int poll_sockets(pollfd* sockets, std::size_t count, int milliseconds) noexcept {
  return ::WSAPoll(sockets, static_cast<ULONG>(count), milliseconds);
}

}  // namespace millrace
