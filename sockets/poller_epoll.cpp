#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "poller.h"
#include "wakeup.h"

namespace millrace {

namespace {

static_assert(Ready::kInput == EPOLLIN && Ready::kOutput == EPOLLOUT && Ready::kError == EPOLLERR &&
              Ready::kHangUp == EPOLLHUP && Ready::kInputEnd == EPOLLRDHUP && Ready::kExclusive == EPOLLEXCLUSIVE &&
              Ready::kOnce == EPOLLONESHOT);

// Of one wait(); the rest comes with the next.
constexpr std::size_t kEventsPerWait = 256;

}  // namespace

struct Poller::System {
  System() : epoll(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll < 0) throw std::system_error(errno, std::generic_category(), "cannot create an epoll");
  }
  ~System() { ::close(epoll); }

  bool control(int operation, int socket, std::uint32_t watched, std::uintptr_t tag) const {
    epoll_event event{};
    event.events = watched;
    event.data.u64 = tag;
    return epoll_ctl(epoll, operation, socket, &event) == 0;
  }

  // The wakeup's tag; nobody else has this address.
  std::uintptr_t own_tag() const { return reinterpret_cast<std::uintptr_t>(this); }

  const int epoll;
  Wakeup wakeup;
  std::array<epoll_event, kEventsPerWait> reported;
  std::array<Event, kEventsPerWait> events;
};

Poller::Poller() : system_(std::make_unique<System>()) {
  if (!system_->control(EPOLL_CTL_ADD, system_->wakeup.descriptor(), EPOLLIN, system_->own_tag())) {
    throw std::system_error(errno, std::generic_category(), "cannot watch an eventfd");
  }
}

Poller::~Poller() = default;

bool Poller::add(int socket, std::uint32_t watched, std::uintptr_t tag) {
  return system_->control(EPOLL_CTL_ADD, socket, watched, tag);
}

void Poller::modify(int socket, std::uint32_t watched, std::uintptr_t tag) {
  system_->control(EPOLL_CTL_MOD, socket, watched, tag);
}

void Poller::remove(int socket) {
  epoll_ctl(system_->epoll, EPOLL_CTL_DEL, socket, nullptr);
}

std::span<const Poller::Event> Poller::wait(int milliseconds) {
  was_woken_ = false;
  const int count = epoll_wait(system_->epoll, system_->reported.data(), kEventsPerWait, milliseconds);
  std::size_t used = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& one = system_->reported[static_cast<std::size_t>(i)];
    if (one.data.u64 == system_->own_tag()) {
      was_woken_ = true;
    } else {
      system_->events[used++] = {.tag = static_cast<std::uintptr_t>(one.data.u64), .ready = one.events};
    }
  }
  if (was_woken_) system_->wakeup.clear();
  return {system_->events.data(), used};
}

void Poller::wake() noexcept {
  system_->wakeup.set();
}

}  // namespace millrace
