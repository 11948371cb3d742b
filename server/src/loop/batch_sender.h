// BatchSender: sends bytes to very many sockets, without waiting for any of them.
//
// It uses io_uring if the system has it: one system call for all sockets. Otherwise it calls send() for each. A loop
// owns it, and only the loop's thread calls it.
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
    ssize_t result = 0;  ///< bytes that the socket has taken, or a negated errno
  };

  static constexpr std::string_view kIoUring = "io_uring";
  static constexpr std::string_view kSystemCalls = "send";

  virtual ~BatchSender() = default;

  /// Sends what fits, and sets each result. Each socket may appear only once.
  virtual void send(std::span<Send> sends) = 0;

  /// Whether it sends by io_uring. If the system begins to refuse io_uring, it switches to send() for good.
  virtual bool uses_io_uring() const { return false; }

  /// A sender that calls send().
  static std::unique_ptr<BatchSender> with_system_calls();
  /// A sender that uses io_uring; null if the system lacks it, refuses it, or cannot send by it (rings of Linux 5.1 to
  /// 5.5 have no SEND). `why_not` then gets the reason as a sentence.
  static std::unique_ptr<BatchSender> with_io_uring(std::string& why_not);
};

}  // namespace millrace
