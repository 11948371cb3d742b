// BenchServer: a Millrace server in a process of its own, with one event loop, for the benchmarks of HTTP/2.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace millrace::bench {

/// Prints the sentence and ends the program with exit code 1.
[[noreturn]] void fail(const std::string& what);

class BenchServer {
 public:
  /// What the process uses.
  struct Usage {
    double cpu = 0;        ///< seconds so far
    double allocated = 0;  ///< bytes, as malloc counts them
    double resident = 0;   ///< bytes of the process alone (PSS), without the kernel's for its sockets
  };

  /// Starts it, for as many event streams of the topic `a`. Must be called before the program has threads. Raises the
  /// limit of open files of both processes to the system's maximum. Fails if it does not start.
  BenchServer(std::size_t streams, bool tls);
  /// Kills it.
  ~BenchServer();
  BenchServer(const BenchServer&) = delete;
  BenchServer& operator=(const BenchServer&) = delete;

  int port() const { return port_; }
  bool tls() const { return tls_; }
  Usage usage() const { return publish(0, 1); }

  /// Publishes events of 120 bytes, so many a second, and returns after the last one. The data of the first begins with
  /// `number` and a space, that of the next with the next number; each contains kMark kMarks times. One thread at a
  /// time calls it or usage().
  Usage publish(int events, int rate, int number = 1) const;

  /// Nearly nowhere else on the wire.
  static constexpr char kMark = '~';
  static constexpr std::size_t kMarks = 16;
  static constexpr std::size_t kDataBytes = 120;

 private:
  const bool tls_;
  pid_t process_ = -1;
  int control_ = -1;
  int port_ = 0;
};

}  // namespace millrace::bench
