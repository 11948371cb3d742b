// Poller, by poll: poller.h includes it.
#pragma once

#include <cerrno>
#include <cstddef>
#include <new>
#include <vector>

#include "portable_calls.h"
#ifdef _WIN32
#include "wakeup_windows.h"
#else
#include "wakeup.h"
#endif

namespace millrace {

// Each wait costs by the sockets watched, unlike with the other systems' calls.
struct Poller::System {
#ifdef POLLRDHUP
  static constexpr short kInputEnd = POLLRDHUP;
#else
  static constexpr short kInputEnd = 0;  // then POLLIN reports it
#endif

  using Descriptor = decltype(pollfd::fd);

  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

  static short polled(std::uint32_t watched) {
    int events = 0;
    if ((watched & Ready::kInput) != 0) events |= POLLIN;
    if ((watched & Ready::kOutput) != 0) events |= POLLOUT;
    if ((watched & Ready::kInputEnd) != 0) events |= kInputEnd;
    return static_cast<short>(events);
  }

  static std::uint32_t ready(short reported) {
    std::uint32_t events = 0;
    if ((reported & POLLIN) != 0) events |= Ready::kInput;
    if ((reported & POLLOUT) != 0) events |= Ready::kOutput;
    if ((reported & (POLLERR | POLLNVAL)) != 0) events |= Ready::kError;
    if ((reported & POLLHUP) != 0) events |= Ready::kHangUp;
    if ((reported & kInputEnd) != 0) events |= Ready::kInputEnd;
    return events;
  }

  struct Watched {
    std::uintptr_t tag;
    bool is_once;
  };

  System()
      : sockets{{.fd = static_cast<Descriptor>(wakeup.descriptor()), .events = POLLIN, .revents = 0}},
        watched{{.tag = 0, .is_once = false}} {}

  std::size_t place_of(int socket) const {
    const auto index = static_cast<std::size_t>(socket);
    return index < places.size() ? places[index] : kNowhere;
  }

  void set(std::size_t place, int socket, std::uint32_t interest, std::uintptr_t tag) {
    sockets[place] = {.fd = static_cast<Descriptor>(socket), .events = polled(interest), .revents = 0};
    watched[place] = {.tag = tag, .is_once = (interest & Ready::kOnce) != 0};
  }

  Wakeup wakeup;
  std::vector<pollfd> sockets;      // the wakeup first; the descriptor is negative after the one report of kOnce
  std::vector<Watched> watched;     // of the same places; never shorter
  std::vector<std::size_t> places;  // by socket, in the two above
  std::vector<Event> events;
};

inline Poller::Poller() : system_(std::make_unique<System>()) {}

inline Poller::~Poller() = default;

inline bool Poller::add(int socket, std::uint32_t watched, std::uintptr_t tag) {
  const auto index = static_cast<std::size_t>(socket);
  try {
    if (index >= system_->places.size()) system_->places.resize(index + 1, System::kNowhere);
    if (system_->places[index] == System::kNowhere) {
      if (system_->watched.size() <= system_->sockets.size()) system_->watched.emplace_back();
      system_->sockets.emplace_back();
      system_->places[index] = system_->sockets.size() - 1;
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  system_->set(system_->places[index], socket, watched, tag);
  return true;
}

inline void Poller::modify(int socket, std::uint32_t watched, std::uintptr_t tag) {
  const std::size_t place = system_->place_of(socket);
  if (place != System::kNowhere) system_->set(place, socket, watched, tag);
}

// The last socket takes the free place.
inline void Poller::remove(int socket) {
  const std::size_t place = system_->place_of(socket);
  if (place == System::kNowhere) return;
  const int last = static_cast<int>(system_->sockets.back().fd);
  system_->places[static_cast<std::size_t>(last >= 0 ? last : ~last)] = place;
  system_->places[static_cast<std::size_t>(socket)] = System::kNowhere;
  system_->sockets[place] = system_->sockets.back();
  system_->watched[place] = system_->watched[system_->sockets.size() - 1];
  system_->sockets.pop_back();
}

inline std::span<const Poller::Event> Poller::wait(int milliseconds) {
  System& system = *system_;
  was_woken_ = false;
  system.events.clear();
  int count = poll_sockets(system.sockets.data(), system.sockets.size(), milliseconds);
  if (count <= 0) return {};
  was_woken_ = system.sockets.front().revents != 0;
  if (was_woken_) {
    system.wakeup.clear();
    --count;
  }
  for (std::size_t place = 1; count > 0; ++place) {
    pollfd& socket = system.sockets[place];
    if (socket.revents == 0) continue;
    --count;
    system.events.push_back({.tag = system.watched[place].tag, .ready = System::ready(socket.revents)});
    if (system.watched[place].is_once) socket.fd = ~socket.fd;
  }
  return system.events;
}

inline void Poller::wake() noexcept {
  system_->wakeup.set();
}

}  // namespace millrace
