#include "event_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "poll_time.h"

namespace millrace {

TimePoint monotonic_now() {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

namespace {

std::uintptr_t tag_of(EventLoop::Watcher& watcher) {
  return reinterpret_cast<std::uintptr_t>(&watcher);
}

}  // namespace

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
  poller_.wake();
}

void EventLoop::stop() {
  defer([this] { stopped_ = true; });
}

void EventLoop::run(const OnTurn& on_turn) {
  bool has_more = false;
  while (!stopped_) {
    const auto events = poller_.wait(has_more ? 0 : wait_milliseconds());
    now_ = monotonic_now();
    const auto began = std::chrono::steady_clock::now();
    for (const Poller::Event& event : events) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the tag is the address of the watcher
      reinterpret_cast<Watcher*>(event.tag)->on_ready(event.ready);
    }
    if (poller_.was_woken()) run_deferred();
    timers_.advance(now_);
    has_more = on_turn(std::chrono::steady_clock::now() - began);
  }
}

void EventLoop::run_deferred() {
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
  return poll_milliseconds(*next - monotonic_now());
}

bool EventLoop::add(int socket, std::uint32_t watched, Watcher& watcher) {
  return poller_.add(socket, watched, tag_of(watcher));
}

void EventLoop::modify(int socket, std::uint32_t watched, Watcher& watcher) {
  poller_.modify(socket, watched, tag_of(watcher));
}

void EventLoop::remove(int socket) {
  poller_.remove(socket);
}

}  // namespace millrace
