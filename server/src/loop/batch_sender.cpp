#include "batch_sender.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "socket_calls.h"

#if defined(MILLRACE_HAS_LIBURING)
#include <liburing.h>
#endif

namespace millrace {

namespace {

class SystemCalls final : public BatchSender {
 public:
  void send(std::span<Send> sends) override {
    for (Send& send : sends) send_one(send);
  }

  static void send_one(Send& send) {
    do {
      send.result = ::send(send.socket, send.bytes.data(), send.bytes.size(), kSendFlags);
    } while (send.result < 0 && errno == EINTR);
    if (send.result < 0) send.result = -errno;
  }
};

#if defined(MILLRACE_HAS_LIBURING)
class IoUring final : public BatchSender {
 public:
  static constexpr unsigned kEntries = 256;

  /// Sets up the ring; returns why it cannot be used, or an empty text.
  std::string set_up() {
    const int error = io_uring_queue_init(kEntries, &ring_, 0);
    if (error < 0) return std::string("cannot create a ring: ") + std::strerror(-error);
    is_set_up_ = true;
    if (std::string unknown = unknown_operation(); !unknown.empty()) return unknown;
    return failure_of_a_trial();
  }
  ~IoUring() override { tear_down(); }

  bool uses_io_uring() const override { return is_set_up_; }

  void send(std::span<Send> sends) override {
    while (!sends.empty()) {
      const auto some = sends.first(std::min<std::size_t>(sends.size(), kEntries));
      if (is_set_up_) {
        send_some(some);
      } else {
        by_system_calls_.send(some);
      }
      sends = sends.subspan(some.size());
    }
  }

 private:
  // The ring is used only for SEND. A system without the probe (before Linux 5.6) has no SEND either.
  std::string unknown_operation() {
    io_uring_probe* const probe = io_uring_get_probe_ring(&ring_);
    if (probe == nullptr) return "the system does not report what its rings can do";
    const bool knows_send = io_uring_opcode_supported(probe, IORING_OP_SEND) != 0;
    io_uring_free_probe(probe);
    return knows_send ? "" : "the system's rings cannot send";
  }

  // Even if the ring supports SEND, seccomp may forbid it to this program.
  std::string failure_of_a_trial() {
    int ends[2];
    if (open_socket_pair(ends) != 0) return std::strerror(errno);
    Send trial{.socket = ends[0], .bytes = "x"};
    send_some({&trial, 1});
    for (const int end : ends) ::close(end);
    if (trial.result == 1) return {};
    return std::string("a trial failed: ") + std::strerror(static_cast<int>(trial.result < 0 ? -trial.result : EIO));
  }

  void send_some(std::span<Send> sends) {
    for (Send& send : sends) {
      io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
      io_uring_prep_send(entry, send.socket, send.bytes.data(), send.bytes.size(), kSendFlags);
      io_uring_sqe_set_data(entry, &send);
      send.result = -ECANCELED;
    }
    // No send waits, so each is complete once submitted. A signal may interrupt the call.
    std::size_t done = 0;
    while (done < sends.size()) {
      const int error = io_uring_submit_and_wait(&ring_, static_cast<unsigned>(sends.size() - done));
      done += take_results();
      if (error < 0 && error != -EINTR && error != -EAGAIN && error != -EBUSY) return give_up(sends, error);
    }
  }

  std::size_t take_results() {
    std::size_t count = 0;
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      static_cast<Send*>(io_uring_cqe_get_data(completion))->result = completion->res;
      ++count;
    }
    io_uring_cq_advance(&ring_, static_cast<unsigned>(count));
    return count;
  }

  // The fate of sends without a result is unknown: their clients are cut, and resume. The ring must be closed, because
  // it still refers to their bytes.
  void give_up(std::span<Send> sends, int error) {
    for (Send& send : sends) {
      if (send.result == -ECANCELED) send.result = error;
    }
    tear_down();
  }

  void tear_down() {
    if (std::exchange(is_set_up_, false)) io_uring_queue_exit(&ring_);
  }

  io_uring ring_{};
  bool is_set_up_ = false;
  SystemCalls by_system_calls_;
};
#endif

}  // namespace

std::unique_ptr<BatchSender> BatchSender::with_system_calls() {
  return std::make_unique<SystemCalls>();
}

std::unique_ptr<BatchSender> BatchSender::with_io_uring(std::string& why_not) {
#if defined(MILLRACE_HAS_LIBURING)
  auto sender = std::make_unique<IoUring>();
  why_not = sender->set_up();
  if (why_not.empty()) return sender;
#else
  why_not = "this program was built without io_uring";
#endif
  return nullptr;
}

}  // namespace millrace
