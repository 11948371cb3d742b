// Wakeup: a descriptor that another thread, or a signal handler, makes readable. An eventfd on Linux, else a pipe.
#pragma once

#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "socket_calls.h"

namespace millrace {

class Wakeup {
 public:
  /// Throws std::system_error if the process has no descriptors left.
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Readable from the next set() until clear().
  int descriptor() const { return read_end_; }

  /// Any thread, and signal handlers. Keeps errno.
  void set() const noexcept;
  void clear() const noexcept;

 private:
  int read_end_ = -1;
  int write_end_ = -1;  // of an eventfd the same
};

#ifdef __linux__

inline Wakeup::Wakeup() : read_end_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), write_end_(read_end_) {
  if (read_end_ < 0) throw std::system_error(errno, std::generic_category(), "cannot create an eventfd");
}

inline Wakeup::~Wakeup() {
  ::close(read_end_);
}

#else

inline Wakeup::Wakeup() {
  int ends[2];
  if (open_pipe(ends) != 0) throw std::system_error(errno, std::generic_category(), "cannot create a pipe");
  for (const int end : ends) set_up_descriptor(end);
  read_end_ = ends[0];
  write_end_ = ends[1];
}

inline Wakeup::~Wakeup() {
  ::close(read_end_);
  ::close(write_end_);
}

#endif

inline void Wakeup::set() const noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;  // an eventfd takes eight bytes
  // The write fails only if the counter or the pipe is full, and then the descriptor is readable.
  [[maybe_unused]] const auto written = ::write(write_end_, &one, sizeof one);
  errno = saved;
}

inline void Wakeup::clear() const noexcept {
  std::array<char, 512> ignored;
  while (::read(read_end_, ignored.data(), ignored.size()) == static_cast<ssize_t>(ignored.size())) continue;
}

}  // namespace millrace
