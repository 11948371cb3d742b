// GradualStop: the waiting of listen(), which ends when the listening socket is shut down; and, once asked to, has the
// streams drained and shuts the socket down itself when they are gone or their time is over.
#pragma once

#include <functional>
#include <optional>

#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class GradualStop {
 public:
  struct Ports {
    std::function<void(Duration window)> drain;
    std::function<bool()> are_streams_gone;
    std::function<void()> shut_down;  ///< the listening socket
  };

  /// Throws std::system_error if the system has no eventfd to give.
  GradualStop();
  ~GradualStop();
  GradualStop(const GradualStop&) = delete;
  GradualStop& operator=(const GradualStop&) = delete;

  /// Has wait() drain, and end within `window`; if it has been asked already, at the earlier of both times. Any thread;
  /// returns at once.
  void ask(Duration window);

  /// The streams may be gone. Likewise.
  void wake() const;

  /// Nobody has asked.
  void reset();

  /// Returns once `listening_socket` has been shut down, by whomever. Calls the ports here.
  void wait(int listening_socket, const Ports& ports);

 private:
  struct Asked {
    Duration window;
    TimePoint end;
  };
  std::optional<Asked> asked() const;

  const int event_;
  mutable Mutex mutex_;
  std::optional<Asked> asked_ GUARDED_BY(mutex_);
};

}  // namespace millrace
