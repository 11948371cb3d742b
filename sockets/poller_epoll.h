// Poller, by epoll: poller.h includes it.
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "wakeup.h"

namespace millrace {

static_assert(Ready::kInput == EPOLLIN && Ready::kOutput == EPOLLOUT && Ready::kError == EPOLLERR &&
              Ready::kHangUp == EPOLLHUP && Ready::kInputEnd == EPOLLRDHUP && Ready::kExclusive == EPOLLEXCLUSIVE &&
              Ready::kOnce == EPOLLONESHOT);

struct Poller::System {
  static constexpr std::size_t kEventsPerWait = 256;  // of one wait(); the rest comes with the next

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

inline Poller::Poller() : system_(std::make_unique<System>()) {
  if (!system_->control(EPOLL_CTL_ADD, system_->wakeup.descriptor(), EPOLLIN, system_->own_tag())) {
    throw std::system_error(errno, std::generic_category(), "cannot watch an eventfd");
  }
}

inline Poller::~Poller() = default;

inline bool Poller::add(int socket, std::uint32_t watched, std::uintptr_t tag) {
  return system_->control(EPOLL_CTL_ADD, socket, watched, tag);
}

inline void Poller::modify(int socket, std::uint32_t watched, std::uintptr_t tag) {
  system_->control(EPOLL_CTL_MOD, socket, watched, tag);
}

inline void Poller::remove(int socket) {
  epoll_ctl(system_->epoll, EPOLL_CTL_DEL, socket, nullptr);
}

inline std::span<const Poller::Event> Poller::wait(int milliseconds) {
  was_woken_ = false;
  const int count = epoll_wait(system_->epoll, system_->reported.data(), System::kEventsPerWait, milliseconds);
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

inline void Poller::wake() noexcept {
  system_->wakeup.set();
}

}  // namespace millrace
