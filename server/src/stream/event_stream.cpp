#include "millrace/server/event_stream.h"

#include <utility>

#include "base/failure.h"
#include "event_stream_state.h"
#include "log/frame.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/core/limits.h"

namespace millrace {

namespace {

// A buffer that has grown beyond this is given back when it is empty.
constexpr std::size_t kKeptBytes = 4096;

}  // namespace

// --- The handle -----------------------------------------------------------------------------------------------------

struct EventStream::Handle {
  explicit Handle(std::shared_ptr<State> shared) : state(std::move(shared)) {}
  ~Handle() { state->end(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<State> state;
};

EventStream::EventStream(std::shared_ptr<State> state) : handle_(std::make_shared<Handle>(std::move(state))) {}

bool EventStream::send(const Event& event) const {
  return handle_->state->send(event);
}
void EventStream::close() const {
  handle_->state->end();
}
bool EventStream::is_open() const {
  return handle_->state->is_open();
}
std::size_t EventStream::buffered_bytes() const {
  return handle_->state->buffered_bytes();
}
void EventStream::on_close(std::function<void()> callback) const {
  handle_->state->on_close(std::move(callback));
}

// --- The state ------------------------------------------------------------------------------------------------------

EventStream::State::State(std::function<void(Task)> run_callback, bool chunked,
                          std::function<void(const std::string&)> on_failure)
    : run_callback_(std::move(run_callback)), chunked_(chunked), on_failure_(std::move(on_failure)) {}

bool EventStream::State::send(const Event& event) {
  const MutexLock lock(mutex_);
  if (!open_) return false;
  const std::size_t waited = waiting_.size();
  append(event);
  if (waiting_bytes() > kMaxStreamBufferBytes) {
    waiting_.resize(waited);
    open_ = false;
    cut_ = true;
    wake_once();
    return false;
  }
  if (output_ == nullptr || waited > 0) return true;  // attach(), the loop on its way, or the socket will see to it
  // A producer that is faster than one event a moment is better served by the loop, which writes many at once.
  const TimePoint now = output_->now();
  if (std::exchange(written_at_, now) == now) {
    wake_once();
    return true;
  }
  write_waiting();
  if (cut_ || !waiting_.empty()) wake_once();
  return open_;
}

void EventStream::State::end() {
  const MutexLock lock(mutex_);
  if (!open_) return;
  open_ = false;
  ended_ = true;
  if (chunked_) waiting_.append(kLastChunk);
  wake_once();
}

bool EventStream::State::is_open() const {
  const MutexLock lock(mutex_);
  return open_;
}

std::size_t EventStream::State::buffered_bytes() const {
  const MutexLock lock(mutex_);
  return waiting_bytes();
}

void EventStream::State::on_close(Task callback) {
  {
    const MutexLock lock(mutex_);
    if (!detached_) {
      on_close_.push_back(std::move(callback));
      return;
    }
  }
  call_guarded(on_failure_, "on_close", callback);
}

void EventStream::State::attach(Output& output, std::string_view head) {
  const MutexLock lock(mutex_);
  waiting_.insert(0, head);
  output_ = &output;
}

EventStream::State::Progress EventStream::State::flush() {
  const MutexLock lock(mutex_);
  if (!cut_) write_waiting();
  return progress();
}

EventStream::State::Progress EventStream::State::heartbeat() {
  const MutexLock lock(mutex_);
  if (open_ && waiting_.empty()) {
    waiting_ = chunked_ ? "3\r\n:\n\n\r\n" : ":\n\n";
    write_waiting();
  }
  return progress();
}

void EventStream::State::detach() {
  std::vector<Task> callbacks;
  {
    const MutexLock lock(mutex_);
    open_ = false;
    detached_ = true;
    output_ = nullptr;
    waiting_ = {};
    begin_ = 0;
    callbacks.swap(on_close_);
  }
  for (Task& callback : callbacks) run_callback_(std::move(callback));
}

void EventStream::State::append(const Event& event) {
  const std::size_t begin = waiting_.size();
  EventStreamWriter(waiting_).event(event);
  if (chunked_) wrap_chunk(waiting_, begin);
}

void EventStream::State::write_waiting() {
  if (waiting_.empty()) return;
  const ssize_t count = output_->write(std::string_view(waiting_).substr(begin_));
  if (count < 0) {
    open_ = false;
    cut_ = true;
    return;
  }
  begin_ += static_cast<std::size_t>(count);
  // Moved down once as much has gone as is left: a client that never quite keeps up must not make it grow for ever.
  if (begin_ * 2 < waiting_.size()) return;
  waiting_.erase(0, std::exchange(begin_, 0));
  if (waiting_.empty() && waiting_.capacity() > kKeptBytes) waiting_.shrink_to_fit();
}

EventStream::State::Progress EventStream::State::progress() const {
  if (cut_) return Progress::kCut;
  if (!waiting_.empty()) return Progress::kWaiting;
  return ended_ ? Progress::kOver : Progress::kWritten;
}

void EventStream::State::wake_once() {
  if (output_ == nullptr || std::exchange(woken_, true)) return;
  output_->defer([self = shared_from_this()] { self->wake(); });
}

void EventStream::State::wake() {
  Output* output = nullptr;
  {
    const MutexLock lock(mutex_);
    woken_ = false;
    output = output_;
  }
  if (output != nullptr) output->on_wake();  // detach() is this thread's: it cannot come between
}

}  // namespace millrace
