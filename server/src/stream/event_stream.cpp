#include "millrace/server/event_stream.h"

#include <utility>

#include "event_stream_state.h"
#include "frame.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/core/limits.h"

namespace millrace {

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

EventStream::State::State(std::function<void(Task)> run_callback, bool chunked)
    : run_callback_(std::move(run_callback)), chunked_(chunked) {}

bool EventStream::State::send(const Event& event) {
  std::string payload;
  payload.reserve(event.data.size() + 64);
  EventStreamWriter(payload).event(event);
  const std::lock_guard lock(mutex_);
  if (!open_) return false;
  if (pending_.size() + unwritten_ + payload.size() > kMaxStreamBufferBytes) {
    open_ = false;
    cut_ = true;
  } else if (chunked_) {
    append_chunk(payload, pending_);
  } else {
    pending_.append(payload);
  }
  wake_once();
  return open_;
}

void EventStream::State::end() {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  open_ = false;
  ended_ = true;
  wake_once();
}

bool EventStream::State::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

std::size_t EventStream::State::buffered_bytes() const {
  const std::lock_guard lock(mutex_);
  return pending_.size() + unwritten_;
}

void EventStream::State::on_close(Task callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!detached_) {
      on_close_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

void EventStream::State::attach(std::function<void(Task)> defer, Task flush) {
  flush_ = std::move(flush);
  const std::lock_guard lock(mutex_);
  defer_ = std::move(defer);
}

EventStream::State::Taken EventStream::State::take() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
  unwritten_ += pending_.size();
  return {.bytes = std::exchange(pending_, {}), .ended = ended_, .cut = cut_};
}

void EventStream::State::set_unwritten(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  unwritten_ = bytes;
}

void EventStream::State::detach() {
  flush_ = nullptr;
  std::vector<Task> callbacks;
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    detached_ = true;
    defer_ = nullptr;
    pending_.clear();
    unwritten_ = 0;
    callbacks.swap(on_close_);
  }
  for (Task& callback : callbacks) run_callback_(std::move(callback));
}

void EventStream::State::wake_once() {
  if (defer_ == nullptr || std::exchange(woken_, true)) return;
  defer_([self = shared_from_this()] {
    if (self->flush_ != nullptr) self->flush_();
  });
}

}  // namespace millrace
