// ExchangePipe: between a worker that has a request and the loop whose stream of HTTP/2 it came on. The body goes one
// way and the response the other, without a socket that the two would share; either side is bounded.
//
// The worker waits; the loop never does. Any thread may cut it: then both sides are at their end.
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
  /// `wake`: the loop is to look, on its own thread. Called by the worker, and not again before the loop has looked.
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

  /// More of the body. How much there is the stream's window bounds.
  void push(std::string_view bytes, std::size_t body_bytes);
  /// Nothing more comes.
  void end_input();
  /// Bytes of the body that have been read since the last call.
  std::size_t take_read();
  /// What is to be sent, and what of that has been sent is dropped.
  std::string take_output();
  void put_back(std::string rest);

 private:
  bool wake_once() REQUIRES(mutex_);

  const std::function<void()> wake_;
  mutable Mutex mutex_;
  Condition changed_;
  std::string input_ GUARDED_BY(mutex_);
  std::size_t begin_ GUARDED_BY(mutex_) = 0;       // what stands before it has been read
  std::size_t body_bytes_ GUARDED_BY(mutex_) = 0;  // that take_read() has not returned
  std::string output_ GUARDED_BY(mutex_);
  bool has_all_input_ GUARDED_BY(mutex_) = false;
  bool is_cut_ GUARDED_BY(mutex_) = false;
  bool is_woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
