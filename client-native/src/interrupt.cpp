#include "interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "clock.h"

namespace millrace {

Interrupt::Interrupt() : wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make an event descriptor");
}

Interrupt::~Interrupt() {
  close(wake_fd_);
}

void Interrupt::raise() noexcept {
  const int saved_errno = errno;
  raised_.store(true, std::memory_order_release);
  const eventfd_t one = 1;
  // It fails only when the counter is full, and then the waiter is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
  errno = saved_errno;
}

Interrupt::Wake Interrupt::wait(int fd, short events, std::optional<TimePoint> deadline) const {
  pollfd fds[] = {{wake_fd_, POLLIN, 0}, {fd, events, 0}};
  while (true) {
    int timeout = -1;
    if (deadline) {
      const TimePoint present = now();
      const auto left = *deadline > present ? (*deadline - present).count() : 0;
      timeout = static_cast<int>(std::min<Duration::rep>(left, std::numeric_limits<int>::max()));
    }
    const int ready = poll(fds, 2, timeout);  // an fd of -1 is skipped
    if (raised()) return Wake::kInterrupted;
    if (ready > 0) return Wake::kReady;
    if (ready < 0 && errno != EINTR) return Wake::kReady;  // the call that follows reports what is wrong
    if (deadline && now() >= *deadline) return Wake::kTimeout;
  }
}

}  // namespace millrace
