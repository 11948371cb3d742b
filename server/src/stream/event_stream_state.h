// EventStream::State: shared by the handles on a request-scoped stream and its connection.
//
// If nothing waits, a producer writes its event to the socket itself, without waking the loop. Bytes that do not fit,
// and further events of the same moment, wait here for the loop, which writes them in one piece. Either side may end
// the stream.
#pragma once

#include <sys/types.h>

#include <atomic>
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
#include "shares/buffer_budget.h"

namespace millrace {

class StreamBuffers;

class EventStream::State : public std::enable_shared_from_this<State> {
 public:
  using Task = std::function<void()>;

  /// The stream's interface to its connection.
  class Outlet {
   public:
    /// Returns the bytes taken without waiting; negative if the connection is broken. An empty write sends unsent
    /// bytes. Any thread, one at a time, and never after detach().
    virtual ssize_t write(std::string_view bytes) = 0;
    /// Whether write() has taken bytes that the socket has not: call flush() when the socket takes more. Likewise.
    virtual bool has_unsent() const = 0;
    /// Runs `task` on the loop's thread. Any thread.
    virtual void defer(Task task) = 0;
    /// Called through defer() when flush() has something to write, or the stream has ended.
    virtual void on_wake() = 0;
    virtual TimePoint now() const = 0;

   protected:
    ~Outlet() = default;
  };

  struct Terms {
    std::function<void(Task)> run_callback;                        ///< runs a user's callback on a worker
    bool chunked = true;                                           ///< false for HTTP/1.0
    std::function<void(const std::string&)> on_failure = nullptr;  ///< gets what a callback throws
    std::shared_ptr<StreamBuffers> buffers = nullptr;  ///< shared by all streams; null: only this stream's own bound
  };
  explicit State(Terms terms);
  ~State();

  // The handles' side: any thread ---------------------------------------------------------------------------------

  Sent send(const Event& event);
  void close();
  bool is_open() const { return end() == EventStreamEnd::kNone; }
  EventStreamEnd end() const;
  std::size_t buffered_bytes() const;
  Waited wait_for_room(Duration timeout);
  void on_room(Task callback);
  void on_close(Task callback);

  // For StreamBuffers: any thread ----------------------------------------------------------------------------------

  /// Memory of the bytes that wait for the client.
  std::size_t held_bytes() const { return held_; }
  /// Ends the stream at once and frees its memory. Returns false if the stream is over already.
  bool cut();

  // The connection's side: its loop's thread -----------------------------------------------------------------------

  /// The connection is ready; `head` is written first. Call flush() next.
  void attach(Outlet& outlet, std::string_view head);

  enum class Flushed : std::uint8_t {
    kAll,      ///< everything is written
    kWaiting,  ///< bytes wait for the socket: call flush() when it takes more
    kOver,     ///< everything is written, and the stream has ended
    kCut,      ///< close the connection: the client was too slow, or has left
  };
  /// Writes the waiting bytes.
  Flushed flush();
  /// Writes a comment if nothing else waits.
  Flushed heartbeat();

  /// The connection closes: makes no further call to the outlet, and runs the callbacks.
  void detach();

 private:
  enum class Attempt : std::uint8_t { kDone, kOver, kNoBufferSpace };

  // Threads and callbacks that wait for room; few streams have any.
  struct RoomWaiters {
    Condition changed;
    std::vector<Task> callbacks;
  };

  Attempt try_send(const Event& event);
  void append(const Event& event) REQUIRES(mutex_);
  bool hold() REQUIRES(mutex_);
  void drop_waiting() REQUIRES(mutex_);
  std::size_t waiting_bytes() const REQUIRES(mutex_) { return waiting_.size() - begin_; }
  bool has_room() const REQUIRES(mutex_);
  bool is_over() const REQUIRES(mutex_) { return end_ != EventStreamEnd::kNone; }
  void cut_now(EventStreamEnd reason) REQUIRES(mutex_);
  void write_waiting() REQUIRES(mutex_);
  bool has_unsent() const REQUIRES(mutex_);
  Flushed flushed() const REQUIRES(mutex_);
  RoomWaiters& room_waiters() REQUIRES(mutex_);
  void notify_waiters() REQUIRES(mutex_);
  std::vector<Task> waiters_to_call() REQUIRES(mutex_);
  void wake_once() REQUIRES(mutex_);
  void call_on_worker(std::vector<Task> callbacks) const;
  void wake();

  const Terms terms_;
  mutable Mutex mutex_;
  std::string waiting_ GUARDED_BY(mutex_);        // bytes for the socket
  std::size_t begin_ GUARDED_BY(mutex_) = 0;      // the bytes before it have been written
  BufferBudget::Share share_ GUARDED_BY(mutex_);  // for waiting_
  std::atomic<std::size_t> held_ = 0;             // share_.held(), readable without the mutex
  EventStreamEnd end_ GUARDED_BY(mutex_) = EventStreamEnd::kNone;
  bool cut_ GUARDED_BY(mutex_) = false;  // write nothing more
  bool detached_ GUARDED_BY(mutex_) = false;
  bool woken_ GUARDED_BY(mutex_) = false;      // a call of on_wake() is pending
  TimePoint written_at_ GUARDED_BY(mutex_){};  // last write by a producer
  Outlet* outlet_ GUARDED_BY(mutex_) = nullptr;
  std::vector<Task> on_close_ GUARDED_BY(mutex_);
  std::unique_ptr<RoomWaiters> room_waiters_ GUARDED_BY(mutex_);
};

}  // namespace millrace
