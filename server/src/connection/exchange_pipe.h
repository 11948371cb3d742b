// ExchangePipe: connects a worker that handles a request with the loop of the request's HTTP/2 stream, because the two
// cannot share a socket. The body goes one way and the response the other; both are bounded.
//
// The worker waits; the loop never does. Any thread may cut the pipe: then both sides see the end.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "exchange_wire.h"
#include "millrace/core/time.h"
#include "mutex.h"

namespace millrace {

class ExchangePipe final : public ExchangeWire {
 public:
  /// The worker calls `wake` to make the loop look into the pipe on its own thread; not again before the loop has
  /// looked.
  explicit ExchangePipe(std::function<void()> wake) : wake_(std::move(wake)) {}

  // The worker's side ------------------------------------------------------------------------------------------------

  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(std::string_view bytes) override;
  bool has_unsent() const override { return false; }
  bool wait_for_input(Duration timeout) override;
  bool wait_for_room(Duration timeout) override;
  bool has_client_left() const override;
  /// Any thread.
  void cut() override;

  // The loop's side --------------------------------------------------------------------------------------------------

  /// Appends more of the body, whose amount the stream's window bounds.
  void push(std::string_view bytes, std::size_t body_bytes);
  /// The body has ended.
  void end_input();
  /// Bytes of the body that the worker has read since the last call.
  std::size_t take_read();
  /// Takes the response bytes to send.
  std::string take_output();
  void put_back(std::string_view rest);

 private:
  bool wake_once() REQUIRES(mutex_);

  const std::function<void()> wake_;
  mutable Mutex mutex_;
  Condition changed_;
  std::string input_ GUARDED_BY(mutex_);
  std::size_t begin_ GUARDED_BY(mutex_) = 0;       // the bytes before it have been read
  std::size_t body_bytes_ GUARDED_BY(mutex_) = 0;  // of the body, not yet returned by take_read()
  std::string output_ GUARDED_BY(mutex_);
  bool has_all_input_ GUARDED_BY(mutex_) = false;
  bool is_cut_ GUARDED_BY(mutex_) = false;
  bool is_woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
