#include "gradual_stop.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "loop/event_loop.h"
#include "poll_time.h"

namespace millrace {

namespace {

constexpr short kShutDown = POLLHUP | POLLNVAL;

// Reading the error clears it, as accept() would.
void forget_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
}

int milliseconds_until(TimePoint end) {
  return poll_milliseconds(end - monotonic_now());
}

}  // namespace

void GradualStop::ask(Duration window) {
  {
    const TimePoint end = monotonic_now() + window;
    const MutexLock lock(mutex_);
    if (!asked_ || end < asked_->end) asked_ = {.window = window, .end = end};
  }
  wake();
}

void GradualStop::wake() const {
  wakeup_.set();
}

void GradualStop::reset() {
  const MutexLock lock(mutex_);
  asked_.reset();
}

std::optional<GradualStop::Asked> GradualStop::asked() const {
  const MutexLock lock(mutex_);
  return asked_;
}

void GradualStop::wait(int listening_socket, const Ports& ports) {
  bool is_draining = false;
  bool is_shut_down = false;
  std::array<pollfd, 2> waiting{{{.fd = listening_socket, .events = 0, .revents = 0},
                                 {.fd = wakeup_.descriptor(), .events = POLLIN, .revents = 0}}};
  while (listening_socket >= 0 && (waiting[0].revents & kShutDown) == 0) {
    const auto stop = asked();
    if (stop && !is_draining) {
      is_draining = true;
      ports.drain(stop->window);
    }
    if (stop && !is_shut_down && (monotonic_now() >= stop->end || ports.is_drained())) {
      is_shut_down = true;
      ports.shut_down();
    }
    for (pollfd& one : waiting) one.revents = 0;
    if (::poll(waiting.data(), waiting.size(), stop && !is_shut_down ? milliseconds_until(stop->end) : -1) <= 0)
      continue;
    if (waiting[1].revents != 0) wakeup_.clear();
    if (waiting[0].revents != 0) forget_error(listening_socket);
  }
}

}  // namespace millrace
