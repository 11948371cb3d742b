// Wakeup: a descriptor that another thread, or a signal handler, makes readable. An eventfd on Linux, else a pipe.
#pragma once

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

}  // namespace millrace
