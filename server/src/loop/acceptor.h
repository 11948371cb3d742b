// Acceptor: accepts new connections from a listening socket, for the event loop that watches it.
//
// Each loop of a server has one for the same socket: the system wakes one sleeping loop, not all. A failed connection
// or a lack of descriptors does not stop it. It belongs to the loop's thread.
#pragma once

#include <sys/socket.h>

#include <functional>

#include "event_loop.h"
#include "millrace/core/time.h"

namespace millrace {

/// Pause before the next connection is accepted if the system has no descriptor or memory for it.
inline constexpr Duration kAcceptPause{10};

class Acceptor final : private EventLoop::Watcher {
 public:
  /// Takes an accepted non-blocking socket, and the address of the client.
  using Take = std::function<void(int socket, const sockaddr_storage& peer)>;

  /// The socket is non-blocking and owned by the caller; it must stay open as long as the Acceptor exists.
  Acceptor(EventLoop& loop, int listening_socket, Take take);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  void on_ready(std::uint32_t events) override;
  void on_timer(TimePoint now) override;
  void watch();
  void pause();

  EventLoop& loop_;
  const int socket_;
  const Take take_;
};

}  // namespace millrace
