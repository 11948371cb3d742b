#include "curl_multi.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>

#include "clock.h"

namespace millrace {

namespace {

int milliseconds_until(std::optional<TimePoint> deadline) {
  if (!deadline) return -1;
  const TimePoint present = now();
  const auto left = *deadline > present ? (*deadline - present).count() : 0;
  return static_cast<int>(std::min<Duration::rep>(left, std::numeric_limits<int>::max()));
}

// libcurl wants to be told that it is used before the first thread uses it, once.
void set_up_curl() {
  static const CURLcode kCode = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kCode != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

CurlMulti::CurlMulti() {
  set_up_curl();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  multi_ = curl_multi_init();
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_fd_}};
  if (epoll_ < 0 || wake_fd_ < 0 || multi_ == nullptr || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) {
    const int error = errno;
    if (multi_ != nullptr) curl_multi_cleanup(multi_);
    for (const int fd : {epoll_, wake_fd_}) {
      if (fd >= 0) close(fd);
    }
    throw std::system_error(error, std::generic_category(), "cannot make an event loop");
  }
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::watch);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

CurlMulti::~CurlMulti() {
  curl_multi_cleanup(multi_);
  close(epoll_);
  close(wake_fd_);
}

void CurlMulti::add(CURL* easy) {
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK) throw std::bad_alloc();
}

void CurlMulti::remove(CURL* easy) {
  curl_multi_remove_handle(multi_, easy);
}

void CurlMulti::turn(std::optional<TimePoint> deadline) {
  if (curl_deadline_ && (!deadline || *curl_deadline_ < *deadline)) deadline = curl_deadline_;
  epoll_event events[128];
  const int count = epoll_wait(epoll_, events, static_cast<int>(std::size(events)), milliseconds_until(deadline));
  for (int i = 0; i < count; ++i) {
    if (events[i].data.fd == wake_fd_) {
      eventfd_t ignored = 0;
      eventfd_read(wake_fd_, &ignored);
      continue;
    }
    const std::uint32_t had = events[i].events;
    act(events[i].data.fd, ((had & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                               ((had & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                               ((had & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
  }
  if (curl_deadline_ && now() >= *curl_deadline_) {
    curl_deadline_.reset();  // first: what follows may set it anew
    act(CURL_SOCKET_TIMEOUT, 0);
  }
}

void CurlMulti::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
}

std::optional<CurlMulti::Finished> CurlMulti::next_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) return Finished{message->easy_handle, message->data.result};
  }
  return std::nullopt;
}

void CurlMulti::wake() noexcept {
  const int saved_errno = errno;
  const eventfd_t one = 1;
  // It fails only when the counter is full, and then the waiter is awake already.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
  errno = saved_errno;
}

int CurlMulti::watch(CURL*, curl_socket_t socket, int what, void* self, void* watched) {
  auto& multi = *static_cast<CurlMulti*>(self);
  epoll_event event{.events = 0, .data = {.fd = socket}};
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(multi.epoll_, EPOLL_CTL_DEL, socket, &event);
    return 0;
  }
  if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
  if (epoll_ctl(multi.epoll_, watched == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event) != 0) return -1;
  curl_multi_assign(multi.multi_, socket, self);  // anything but null: watched
  return 0;
}

int CurlMulti::set_timer(CURLM*, long milliseconds, void* self) {
  auto& deadline = static_cast<CurlMulti*>(self)->curl_deadline_;
  if (milliseconds < 0) {
    deadline.reset();
  } else {
    // Our clock is cut to milliseconds, and libcurl asks but once: too early would be never.
    deadline = now() + Duration{milliseconds == 0 ? 0 : milliseconds + 1};
  }
  return 0;
}

}  // namespace millrace
