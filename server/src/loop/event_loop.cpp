#include "event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <system_error>
#include <utility>

namespace millrace {

TimePoint monotonic_now() {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      now_(monotonic_now()),
      timers_(now_) {
  epoll_event event{};
  event.events = EPOLLIN;  // data.ptr stays null, which distinguishes the wakeup from a watcher
  if (epoll_ < 0 || wakeup_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wakeup_, &event) != 0) {
    const int error = errno;
    if (wakeup_ >= 0) ::close(wakeup_);
    if (epoll_ >= 0) ::close(epoll_);
    throw std::system_error(error, std::generic_category(), "cannot set up an event loop");
  }
}

EventLoop::~EventLoop() {
  ::close(wakeup_);
  ::close(epoll_);
}

void EventLoop::defer(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    deferred_.push_back(std::move(task));
  }
  wake();
}

void EventLoop::wake() {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(awake_, true)) return;
  }
  const std::uint64_t one = 1;
  // The write fails only if the eventfd's counter is full, and then the loop is awake already.
  [[maybe_unused]] const auto written = ::write(wakeup_, &one, sizeof one);
}

void EventLoop::stop() {
  defer([this] { stopped_ = true; });
}

void EventLoop::run(const OnTurn& on_turn) {
  std::array<epoll_event, 256> events;
  bool has_more = false;
  while (!stopped_) {
    const int count =
        epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), has_more ? 0 : wait_milliseconds());
    now_ = monotonic_now();
    const auto began = std::chrono::steady_clock::now();
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      auto* const watcher = static_cast<Watcher*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (watcher == nullptr) {
        woken = true;
      } else {
        watcher->on_ready(events[static_cast<std::size_t>(i)].events);
      }
    }
    if (woken) run_deferred();
    timers_.advance(now_);
    has_more = on_turn(std::chrono::steady_clock::now() - began);
  }
}

void EventLoop::run_deferred() {
  std::uint64_t count;
  [[maybe_unused]] const auto read = ::read(wakeup_, &count, sizeof count);
  std::vector<std::function<void()>> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(deferred_);
    awake_ = false;
  }
  for (const auto& task : tasks) task();
}

int EventLoop::wait_milliseconds() const {
  const auto next = timers_.next();
  if (!next) return -1;
  const auto wait = (*next - monotonic_now()).count();
  return static_cast<int>(std::clamp<Duration::rep>(wait, 0, INT_MAX));
}

bool EventLoop::add(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

// Neither function can fail for a socket that was added.
void EventLoop::modify(int fd, std::uint32_t events, Watcher& watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

}  // namespace millrace
