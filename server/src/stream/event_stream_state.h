// EventStream::State: the state that the handles on a request-scoped stream share with its connection.
//
// If nothing waits, a producer writes its event to the socket itself, and no loop has to wake. Bytes that do not fit,
// and events that follow within the same moment, wait here for the loop, which writes them in one piece. Either side
// may end it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/time.h"
#include "millrace/server/event_stream.h"
#include "mutex.h"

namespace millrace {

class EventStream::State : public std::enable_shared_from_this<State> {
 public:
  using Task = std::function<void()>;

  /// The connection, as a stream needs it.
  class Output {
   public:
    /// Bytes that the socket has taken without waiting; negative if the connection is broken. Any thread, but never two
    /// at once, and none behind detach().
    virtual ssize_t write(std::string_view bytes) = 0;
    /// Runs `task` on the loop's thread. Any thread.
    virtual void defer(Task task) = 0;
    /// There is something to flush(), or an end. Called by way of defer().
    virtual void on_wake() = 0;
    virtual TimePoint now() const = 0;

   protected:
    ~Output() = default;
  };

  /// `run_callback` runs a user's callback on a worker; `chunked` is false for HTTP/1.0. What a callback throws goes to
  /// `on_failure`.
  State(std::function<void(Task)> run_callback, bool chunked,
        std::function<void(const std::string&)> on_failure = nullptr);

  // The handles' side: any thread ---------------------------------------------------------------------------------

  bool send(const Event& event);
  void end();
  bool is_open() const;
  std::size_t buffered_bytes() const;
  void on_close(Task callback);

  // The connection's side: its loop's thread -----------------------------------------------------------------------

  /// The connection is ready; `head` goes first. flush() is to follow.
  void attach(Output& output, std::string_view head);

  enum class Progress : std::uint8_t {
    kWritten,  ///< all there is
    kWaiting,  ///< for the socket: flush() when it takes more
    kOver,     ///< all there will ever be
    kCut,      ///< close now: the client was too slow, or has gone
  };
  /// Writes what waits.
  Progress flush();
  /// Writes a comment if nothing else waits.
  Progress heartbeat();

  /// The connection is gone: its output is not called any more, and the callbacks run.
  void detach();

 private:
  void append(const Event& event) REQUIRES(mutex_);
  std::size_t waiting_bytes() const REQUIRES(mutex_) { return waiting_.size() - begin_; }
  void write_waiting() REQUIRES(mutex_);
  Progress progress() const REQUIRES(mutex_);
  void wake_once() REQUIRES(mutex_);
  void wake();

  const std::function<void(Task)> run_callback_;
  const bool chunked_;
  const std::function<void(const std::string&)> on_failure_;
  mutable Mutex mutex_;
  std::string waiting_ GUARDED_BY(mutex_);    // for the socket
  std::size_t begin_ GUARDED_BY(mutex_) = 0;  // what stands before it has been written
  bool open_ GUARDED_BY(mutex_) = true;       // events are accepted
  bool ended_ GUARDED_BY(mutex_) = false;     // by a handle
  bool cut_ GUARDED_BY(mutex_) = false;       // by the bound on what may wait, or by the client
  bool detached_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;      // on_wake() is on its way
  TimePoint written_at_ GUARDED_BY(mutex_){};  // by a producer
  Output* output_ GUARDED_BY(mutex_) = nullptr;
  std::vector<Task> on_close_ GUARDED_BY(mutex_);
};

}  // namespace millrace
