// WakePipe: ends a thread's wait for a socket.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "millrace/core/time.h"
#include "poll_time.h"

namespace millrace {

class WakePipe {
 public:
  /// Throws std::system_error if the process has no descriptor left.
  WakePipe() {
    if (::pipe(ends_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    for (const int end : ends_) {
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
      ::fcntl(end, F_SETFL, O_NONBLOCK);
    }
  }
  ~WakePipe() {
    for (const int end : ends_) ::close(end);
  }
  WakePipe(const WakePipe&) = delete;
  WakePipe& operator=(const WakePipe&) = delete;

  /// Ends the wait() of now, or the next one. Any thread.
  void wake() { [[maybe_unused]] const ssize_t written = ::write(ends_[1], "", 1); }

  /// Waits until `socket` (negative: no socket) can be read, the time has passed, or wake() was called. Returns whether
  /// wake() was called.
  bool wait(int socket, Duration most) {
    std::array<pollfd, 2> waiting{pollfd{.fd = ends_[0], .events = POLLIN, .revents = 0},
                                  pollfd{.fd = socket, .events = POLLIN, .revents = 0}};
    ::poll(waiting.data(), socket < 0 ? 1 : 2, poll_milliseconds(most));
    std::array<char, 16> bytes{};
    bool is_woken = false;
    while (::read(ends_[0], bytes.data(), bytes.size()) > 0) is_woken = true;
    return is_woken;
  }

 private:
  std::array<int, 2> ends_{};
};

}  // namespace millrace
