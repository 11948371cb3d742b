// Acceptor: accepts new connections from a listening socket, for the event loop that watches it.
//
// Each loop of a server has one, for the same socket: the system wakes one sleeping loop, not all. The failure of a
// connection, or a lack of descriptors, does not stop it. It belongs to the loop's thread.
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
  /// Is given a socket that does not block, and the address of its other end.
  using Take = std::function<void(int socket, const sockaddr_storage& peer)>;

  /// The socket does not block, and stays the caller's; it must be open until this goes.
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
