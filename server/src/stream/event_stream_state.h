// EventStream::State: what the handles on a request-scoped stream and its connection share.
//
// Producers append encoded events; the connection takes them on its loop's thread. Either side may end it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/server/event_stream.h"

namespace millrace {

class EventStream::State : public std::enable_shared_from_this<State> {
 public:
  using Task = std::function<void()>;

  /// `run_callback` runs a user's callback on a worker; `chunked` is false for HTTP/1.0.
  State(std::function<void(Task)> run_callback, bool chunked);

  // The handles' side: any thread ---------------------------------------------------------------------------------

  bool send(const Event& event);
  void end();
  bool is_open() const;
  std::size_t buffered_bytes() const;
  void on_close(Task callback);

  // The connection's side: its loop's thread -----------------------------------------------------------------------

  /// The connection is ready. When there is something to take, `flush` is called on the loop's thread by way of
  /// `defer`, which is called under the state's lock.
  void attach(std::function<void(Task)> defer, Task flush);

  struct Taken {
    std::string bytes;
    bool ended = false;  ///< close the connection behind them
    bool cut = false;    ///< close it now: the client was too slow
  };
  /// What has been sent since the last time.
  Taken take();
  /// How much of it the connection still holds.
  void set_unwritten(std::size_t bytes);

  /// The connection is gone: flush is not called any more, and the callbacks run.
  void detach();

 private:
  void wake_once();

  const std::function<void(Task)> run_callback_;
  const bool chunked_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  std::string pending_;
  std::size_t unwritten_ = 0;
  bool open_ = true;    // events are accepted
  bool ended_ = false;  // by a handle
  bool cut_ = false;    // by the bound on what may wait
  bool detached_ = false;
  bool woken_ = false;  // flush_ is on its way
  std::function<void(Task)> defer_;
  std::vector<Task> on_close_;

  Task flush_;  // the loop's thread only
};

}  // namespace millrace
