#include "output_watch.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace millrace::cli {

OutputWatch::OutputWatch(std::function<void()> on_gone) {
  thread_ = std::thread([this, on_gone = std::move(on_gone)] {
    pollfd watched[] = {{end_.descriptor(), POLLIN, 0},
                        {STDOUT_FILENO, 0, 0}};  // errors and hang-ups are always reported
    while (poll(watched, 2, -1) < 0 && errno == EINTR) continue;
    if ((watched[0].revents & POLLIN) == 0 && (watched[1].revents & (POLLERR | POLLHUP)) != 0) on_gone();
  });
}

OutputWatch::~OutputWatch() {
  end_.set();
  thread_.join();
}

}  // namespace millrace::cli
