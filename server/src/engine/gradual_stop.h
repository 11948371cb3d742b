// GradualStop: listen() waits in it until the listening socket is shut down. On request it drains the streams, and
// shuts the socket down itself when the server is drained, or their time is over.
#pragma once

#include <functional>
#include <optional>

#include "millrace/core/time.h"
#include "mutex.h"
#include "wakeup.h"

namespace millrace {

class GradualStop {
 public:
  struct Ports {
    std::function<void(Duration window)> drain;
    std::function<bool()> is_drained;  ///< whether no stream is open, and none can be opened by a request in progress
    std::function<void()> shut_down;   ///< shuts down the listening socket
  };

  /// Throws std::system_error if the process has no descriptors left.
  GradualStop() = default;
  GradualStop(const GradualStop&) = delete;
  GradualStop& operator=(const GradualStop&) = delete;

  /// Makes wait() drain and end within `window`, or earlier if an earlier call demands it. Any thread; returns at once.
  void ask(Duration window);

  /// Makes wait() check whether the server is drained. Likewise.
  void wake() const;

  /// Forgets the request.
  void reset();

  /// Returns when `listening_socket` has been shut down, here or elsewhere. Calls the ports.
  void wait(int listening_socket, const Ports& ports);

 private:
  struct Asked {
    Duration window;
    TimePoint end;
  };
  std::optional<Asked> asked() const;

  const Wakeup wakeup_;
  mutable Mutex mutex_;
  std::optional<Asked> asked_ GUARDED_BY(mutex_);
};

}  // namespace millrace
