#include "output_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace millrace::cli {

OutputWatch::OutputWatch(std::function<void()> on_gone) : end_fd_(eventfd(0, EFD_CLOEXEC)) {
  if (end_fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot watch the output");
  thread_ = std::thread([this, on_gone = std::move(on_gone)] {
    pollfd watched[] = {{end_fd_, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};  // errors and hang-ups are always reported
    while (poll(watched, 2, -1) < 0 && errno == EINTR) continue;
    if ((watched[0].revents & POLLIN) == 0 && (watched[1].revents & (POLLERR | POLLHUP)) != 0) on_gone();
  });
}

OutputWatch::~OutputWatch() {
  eventfd_write(end_fd_, 1);
  thread_.join();
  close(end_fd_);
}

}  // namespace millrace::cli
