// Poller: waits until sockets are ready. One interface over three of the systems' calls: epoll (Linux), kqueue (macOS,
// the BSDs) and poll (any other system). The system decides which, or the build: MILLRACE_POLLER.
//
// It belongs to one thread, except wake().
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace millrace {

/// What a socket is ready for, or is watched for: a sum of these. The values are epoll's, so that Linux needs no
/// translation.
struct Ready {
  static constexpr std::uint32_t kInput = 0x1;
  static constexpr std::uint32_t kOutput = 0x4;
  static constexpr std::uint32_t kError = 0x8;    ///< always watched for
  static constexpr std::uint32_t kHangUp = 0x10;  ///< both directions have ended; always watched for
  static constexpr std::uint32_t kInputEnd =
      0x2000;  ///< the peer has ended its output; a system may report kInput alone
  static constexpr std::uint32_t kExclusive =
      1U << 28;                                     ///< of several pollers that watch the socket, wake one if possible
  static constexpr std::uint32_t kOnce = 1U << 30;  ///< report once; then nothing until the next modify()
};

class Poller {
 public:
  struct Event {
    std::uintptr_t tag;  ///< as passed to add() or modify()
    std::uint32_t ready;
  };

  /// Throws std::system_error if the system lacks descriptors or memory.
  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Watches a socket. Returns false if the system refuses, for example for lack of memory.
  [[nodiscard]] bool add(int socket, std::uint32_t watched, std::uintptr_t tag);
  /// Changes what an added socket is watched for; it cannot fail.
  void modify(int socket, std::uint32_t watched, std::uintptr_t tag);
  /// Stops watching a socket, which must still be open. Events of it that wait() has returned stay in its result.
  void remove(int socket);

  /// Waits for events, for wake(), or until the time is over; -1 waits without end. The result is valid until the next
  /// call.
  std::span<const Event> wait(int milliseconds);

  /// Ends the current or the next wait(); several calls end one. Any thread, and signal handlers.
  void wake() noexcept;

  /// Whether the last wait() took a wake().
  bool was_woken() const { return was_woken_; }

 private:
  struct System;
  std::unique_ptr<System> system_;
  bool was_woken_ = false;
};

}  // namespace millrace

#if defined(MILLRACE_POLLER_POLL)
#include "poller_poll.h"
#elif defined(MILLRACE_POLLER_KQUEUE)
#include "poller_kqueue.h"
#elif defined(MILLRACE_POLLER_EPOLL) || defined(__linux__)
#include "poller_epoll.h"
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || \
    defined(__DragonFly__)
#include "poller_kqueue.h"
#else
#include "poller_poll.h"
#endif
