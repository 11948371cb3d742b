// BatchSender: sends bytes to very many sockets, without waiting for any of them.
//
// It uses io_uring if the system has it, with one system call for all sockets; otherwise a send() for each. A loop owns
// one, and only its thread calls it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

class BatchSender {
 public:
  struct Send {
    int socket;
    std::string_view bytes;
    ssize_t result = 0;  ///< bytes that the socket has taken, or an errno, negated
  };

  static constexpr std::string_view kIoUring = "io_uring";
  static constexpr std::string_view kSystemCalls = "send";

  virtual ~BatchSender() = default;

  /// Sends what fits, and sets each result. No socket may come twice.
  virtual void send(std::span<Send> sends) = 0;

  /// Whether it sends by io_uring. One that does goes over to send() for good where the system begins to refuse it.
  virtual bool uses_io_uring() const { return false; }

  /// One that calls send().
  static std::unique_ptr<BatchSender> with_system_calls();
  /// One on io_uring; nothing if the system has none, refuses it, or cannot send by it (Linux 5.1 to 5.5 has rings that
  /// know no SEND). `why_not` then gets a sentence that says so.
  static std::unique_ptr<BatchSender> with_io_uring(std::string& why_not);
};

}  // namespace millrace
