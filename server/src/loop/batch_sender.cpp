#include "batch_sender.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#if defined(MILLRACE_HAS_LIBURING)
#include <liburing.h>
#endif

namespace millrace {

namespace {

constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

class SystemCalls final : public BatchSender {
 public:
  void send(std::span<Send> sends) override {
    for (Send& send : sends) send_one(send);
  }

  static void send_one(Send& send) {
    do {
      send.result = ::send(send.socket, send.bytes.data(), send.bytes.size(), kFlags);
    } while (send.result < 0 && errno == EINTR);
    if (send.result < 0) send.result = -errno;
  }
};

#if defined(MILLRACE_HAS_LIBURING)
class IoUring final : public BatchSender {
 public:
  static constexpr unsigned kEntries = 256;

  /// Zero, or an errno, negated.
  int set_up() {
    const int error = io_uring_queue_init(kEntries, &ring_, 0);
    is_set_up_ = error == 0;
    return error;
  }
  ~IoUring() override {
    if (is_set_up_) io_uring_queue_exit(&ring_);
  }

  void send(std::span<Send> sends) override {
    while (!sends.empty()) {
      const auto some = sends.first(std::min<std::size_t>(sends.size(), kEntries));
      send_some(some);
      sends = sends.subspan(some.size());
    }
  }

 private:
  void send_some(std::span<Send> sends) {
    for (Send& send : sends) {
      io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
      io_uring_prep_send(entry, send.socket, send.bytes.data(), send.bytes.size(), kFlags);
      io_uring_sqe_set_data(entry, &send);
      send.result = -ECANCELED;
    }
    // None of them waits: what is submitted is done. A signal may cut the call short.
    std::size_t done = 0;
    while (done < sends.size()) {
      const int error = io_uring_submit_and_wait(&ring_, static_cast<unsigned>(sends.size() - done));
      done += take_results();
      if (error < 0 && error != -EINTR && error != -EAGAIN && error != -EBUSY) break;
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

  io_uring ring_{};
  bool is_set_up_ = false;
};
#endif

}  // namespace

std::unique_ptr<BatchSender> BatchSender::with_system_calls() {
  return std::make_unique<SystemCalls>();
}

std::unique_ptr<BatchSender> BatchSender::with_io_uring() {
#if defined(MILLRACE_HAS_LIBURING)
  auto sender = std::make_unique<IoUring>();
  if (sender->set_up() == 0) return sender;
#endif
  return nullptr;
}

}  // namespace millrace
