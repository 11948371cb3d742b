// Poller, by kqueue: poller.h includes it.
#pragma once

#include <fcntl.h>
#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <ctime>
#include <new>
#include <system_error>
#include <vector>

#include "wakeup.h"

namespace millrace {

struct Poller::System {
  // Of one wait(); the rest comes with the next. A socket that is ready for input and output takes two.
  static constexpr std::size_t kEventsPerWait = 256;

  static constexpr std::uint32_t kInputs = Ready::kInput | Ready::kInputEnd;

  // The ident, the flags and the data of `kevent` have types of their own on each system.
  static struct kevent change_of(int socket, int filter, int flags) {
    struct kevent change {};
    change.ident = static_cast<decltype(change.ident)>(socket);
    change.filter = static_cast<decltype(change.filter)>(filter);
    change.flags = static_cast<decltype(change.flags)>(flags);
    return change;
  }

  static std::uint32_t ready(const struct kevent& event) {
    std::uint32_t events = event.filter == EVFILT_WRITE ? Ready::kOutput : Ready::kInput;
    if ((event.flags & EV_EOF) != 0) {
      events |= event.filter == EVFILT_WRITE || event.fflags != 0 ? Ready::kHangUp : Ready::kInputEnd;
      if (event.fflags != 0) events |= Ready::kError;  // the socket's error
    }
    if ((event.flags & EV_ERROR) != 0) events |= Ready::kError;
    return events;
  }

  struct Watched {
    std::uint32_t events = 0;  // those that the kernel watches for; 0 if the socket is unknown
    std::uintptr_t tag = 0;
  };

  System() : queue(kqueue()) {
    if (queue < 0) throw std::system_error(errno, std::generic_category(), "cannot create a kqueue");
    ::fcntl(queue, F_SETFD, FD_CLOEXEC);
  }
  ~System() { ::close(queue); }

  bool change(int socket, int filter, int flags) const {
    const struct kevent change = change_of(socket, filter, flags);
    return kevent(queue, &change, 1, nullptr, 0, nullptr) == 0;
  }

  // Only differences cost a system call.
  bool watch(int socket, std::uint32_t interest) {
    Watched& had = watched[static_cast<std::size_t>(socket)];
    bool is_done = true;
    const auto change_filter = [&](int filter, bool is_watched, bool is_wanted) {
      if (is_watched != is_wanted) is_done = change(socket, filter, is_wanted ? EV_ADD : EV_DELETE) && is_done;
    };
    change_filter(EVFILT_READ, (had.events & kInputs) != 0, (interest & kInputs) != 0);
    change_filter(EVFILT_WRITE, (had.events & Ready::kOutput) != 0, (interest & Ready::kOutput) != 0);
    had.events = interest;
    return is_done;
  }

  const int queue;
  Wakeup wakeup;
  std::vector<Watched> watched;  // by socket
  std::array<struct kevent, kEventsPerWait> reported;
  std::array<Event, kEventsPerWait> events;
};

inline Poller::Poller() : system_(std::make_unique<System>()) {
  if (!system_->change(system_->wakeup.descriptor(), EVFILT_READ, EV_ADD)) {
    throw std::system_error(errno, std::generic_category(), "cannot watch a pipe");
  }
}

inline Poller::~Poller() = default;

inline bool Poller::add(int socket, std::uint32_t watched, std::uintptr_t tag) {
  const auto index = static_cast<std::size_t>(socket);
  try {
    if (index >= system_->watched.size()) system_->watched.resize(index + 1);
  } catch (const std::bad_alloc&) {
    return false;
  }
  system_->watched[index] = {.events = 0, .tag = tag};
  return system_->watch(socket, watched);
}

inline void Poller::modify(int socket, std::uint32_t watched, std::uintptr_t tag) {
  system_->watched[static_cast<std::size_t>(socket)].tag = tag;
  system_->watch(socket, watched);
}

inline void Poller::remove(int socket) {
  if (static_cast<std::size_t>(socket) < system_->watched.size()) system_->watch(socket, 0);
}

inline std::span<const Poller::Event> Poller::wait(int milliseconds) {
  System& system = *system_;
  was_woken_ = false;
  const timespec limit{.tv_sec = milliseconds / 1'000, .tv_nsec = (milliseconds % 1'000) * 1'000'000L};
  const int count = kevent(system.queue, nullptr, 0, system.reported.data(), System::kEventsPerWait,
                           milliseconds < 0 ? nullptr : &limit);
  std::size_t used = 0;
  for (int i = 0; i < count; ++i) {
    const struct kevent& one = system.reported[static_cast<std::size_t>(i)];
    const int socket = static_cast<int>(one.ident);
    if (socket == system.wakeup.descriptor()) {
      was_woken_ = true;
      continue;
    }
    const System::Watched watched = system.watched[static_cast<std::size_t>(socket)];
    if (watched.events == 0) continue;  // its kOnce was reported with the other filter
    system.events[used++] = {.tag = watched.tag, .ready = System::ready(one)};
    if ((watched.events & Ready::kOnce) != 0) system.watch(socket, 0);
  }
  if (was_woken_) system.wakeup.clear();
  return {system.events.data(), used};
}

inline void Poller::wake() noexcept {
  system_->wakeup.set();
}

}  // namespace millrace
