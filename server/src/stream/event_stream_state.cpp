#include "event_stream_state.h"

#include <cassert>
#include <chrono>
#include <utility>

#include "base/failure.h"
#include "log/frame.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/server/limits.h"
#include "stream_buffers.h"

namespace millrace {

namespace {

// A larger buffer is freed when it is empty.
constexpr std::size_t kKeptBytes = 4096;

// A producer that waits for room must hold only bytes that do not count.
static_assert(kStreamRoomBytes <= kUncountedBufferBytes && kUncountedBufferBytes < kMaxStreamBufferBytes);

}  // namespace

EventStream::State::State(Terms terms)
    : terms_(std::move(terms)), share_(terms_.buffers != nullptr ? &terms_.buffers->budget() : nullptr) {}

EventStream::State::~State() {
  drop_waiting();
}

// --- The handles' side ----------------------------------------------------------------------------------------------

// make_room() locks other streams, so it runs between two attempts, without this stream's lock.
EventStream::Sent EventStream::State::send(const Event& event) {
  Attempt attempt = try_send(event);
  if (attempt == Attempt::kNoBufferSpace) {
    terms_.buffers->make_room(event.data.size());
    attempt = try_send(event);
  }
  if (attempt == Attempt::kNoBufferSpace) cut();
  return {.end = attempt == Attempt::kDone ? EventStreamEnd::kNone : end()};
}

EventStream::State::Attempt EventStream::State::try_send(const Event& event) {
  const MutexLock lock(mutex_);
  if (is_over()) return Attempt::kOver;
  const std::size_t waited = waiting_.size();
  append(event);
  if (waiting_bytes() > kMaxStreamBufferBytes) {
    cut_now(EventStreamEnd::kTooSlow);
    return Attempt::kOver;
  }
  if (!hold()) {
    waiting_.resize(waited);
    waiting_.shrink_to_fit();
    return Attempt::kNoBufferSpace;
  }
  if (outlet_ == nullptr || waited > 0)
    return Attempt::kDone;  // attach(), the woken loop or the writable socket will write it
  // For several events within one moment, the loop is faster, because it writes them at once.
  const TimePoint now = outlet_->now();
  if (std::exchange(written_at_, now) == now) {
    wake_once();
    return Attempt::kDone;
  }
  write_waiting();
  if (cut_ || !waiting_.empty() || has_unsent()) wake_once();
  return is_over() ? Attempt::kOver : Attempt::kDone;
}

void EventStream::State::close() {
  const MutexLock lock(mutex_);
  if (is_over()) return;
  end_ = EventStreamEnd::kClosed;
  if (terms_.chunked) waiting_.append(kLastChunk);
  notify_waiters();
  wake_once();
}

EventStreamEnd EventStream::State::end() const {
  const MutexLock lock(mutex_);
  return end_;
}

std::size_t EventStream::State::buffered_bytes() const {
  const MutexLock lock(mutex_);
  return waiting_bytes();
}

EventStream::Waited EventStream::State::wait_for_room(Duration timeout) {
  MutexLock lock(mutex_);
  if (!is_over() && !has_room()) {
    room_waiters().changed.wait_for(lock, timeout, [this]() REQUIRES(mutex_) { return is_over() || has_room(); });
  }
  if (is_over()) return {Room::kNever};
  return {has_room() ? Room::kNow : Room::kNotInTime};
}

// Always calls it by way of the loop, which exists as long as the connection, so never within this call.
void EventStream::State::on_room(Task callback) {
  {
    const MutexLock lock(mutex_);
    if (!detached_) {
      room_waiters().callbacks.push_back(std::move(callback));
      if (is_over() || has_room()) wake_once();
      return;
    }
  }
  call_guarded(terms_.on_failure, "on_room", callback);
}

void EventStream::State::on_close(Task callback) {
  {
    const MutexLock lock(mutex_);
    if (!detached_) {
      on_close_.push_back(std::move(callback));
      return;
    }
  }
  call_guarded(terms_.on_failure, "on_close", callback);
}

bool EventStream::State::cut() {
  const MutexLock lock(mutex_);
  if (cut_ || detached_) return false;
  cut_now(EventStreamEnd::kNoBufferSpace);
  return true;
}

// --- The connection's side ------------------------------------------------------------------------------------------

void EventStream::State::attach(Outlet& outlet, std::string_view head) {
  const MutexLock lock(mutex_);
  assert(outlet_ == nullptr && !detached_);
  if (!cut_) waiting_.insert(0, head);
  outlet_ = &outlet;
}

EventStream::State::Flushed EventStream::State::flush() {
  Flushed result = Flushed::kAll;
  std::vector<Task> callbacks;
  {
    const MutexLock lock(mutex_);
    if (!cut_) write_waiting();
    result = flushed();
    callbacks = waiters_to_call();
  }
  call_on_worker(std::move(callbacks));
  return result;
}

EventStream::State::Flushed EventStream::State::heartbeat() {
  const MutexLock lock(mutex_);
  if (!is_over() && waiting_.empty() && !has_unsent()) {
    waiting_ = terms_.chunked ? "3\r\n:\n\n\r\n" : ":\n\n";
    write_waiting();
  }
  return flushed();
}

void EventStream::State::detach() {
  std::vector<Task> waiters;
  std::vector<Task> callbacks;
  {
    const MutexLock lock(mutex_);
    if (!is_over()) end_ = EventStreamEnd::kClientLeft;
    cut_ = true;
    detached_ = true;
    outlet_ = nullptr;
    drop_waiting();
    waiters = waiters_to_call();
    callbacks.swap(on_close_);
  }
  call_on_worker(std::move(waiters));
  for (Task& callback : callbacks) terms_.run_callback(std::move(callback));
}

void EventStream::State::call_on_worker(std::vector<Task> callbacks) const {
  for (Task& callback : callbacks) {
    terms_.run_callback([on_failure = terms_.on_failure, callback = std::move(callback)] {
      call_guarded(on_failure, "on_room", callback);
    });
  }
}

// --- Both, under the lock -------------------------------------------------------------------------------------------

void EventStream::State::append(const Event& event) {
  const std::size_t begin = waiting_.size();
  EventStreamWriter(waiting_).event(event);
  if (terms_.chunked) wrap_chunk(waiting_, begin);
}

// Counts the allocated memory, not the used part. Returns false, and changes nothing, if the budget has no room.
bool EventStream::State::hold() {
  const bool held_any = share_.held() > 0;
  if (!share_.resize(waiting_.capacity())) return false;
  held_ = share_.held();
  if (terms_.buffers != nullptr && held_any != (held_ > 0)) {
    held_any ? terms_.buffers->remove(*this) : terms_.buffers->add(*this);
  }
  return true;
}

void EventStream::State::drop_waiting() {
  std::string().swap(waiting_);  // assigning an empty string would keep the memory
  begin_ = 0;
  hold();
}

bool EventStream::State::has_room() const {
  return waiting_bytes() <= kStreamRoomBytes;
}

void EventStream::State::cut_now(EventStreamEnd reason) {
  if (!is_over()) end_ = reason;
  cut_ = true;
  drop_waiting();
  if (terms_.buffers != nullptr) terms_.buffers->count_cut(reason);
  notify_waiters();
  wake_once();
}

void EventStream::State::write_waiting() {
  if (waiting_.empty() && !has_unsent()) return;
  const ssize_t count = outlet_->write(std::string_view(waiting_).substr(begin_));
  if (count < 0) {
    if (!is_over()) end_ = EventStreamEnd::kClientLeft;
    cut_ = true;
    return;
  }
  begin_ += static_cast<std::size_t>(count);
  // Removes the written part when it is at least half: otherwise the buffer would grow for ever for a client that never
  // quite keeps up.
  if (begin_ * 2 < waiting_.size()) return;
  waiting_.erase(0, std::exchange(begin_, 0));
  if (waiting_.empty() && waiting_.capacity() > kKeptBytes) {
    waiting_.shrink_to_fit();
    hold();
  }
}

bool EventStream::State::has_unsent() const {
  return outlet_ != nullptr && outlet_->has_unsent();
}

EventStream::State::Flushed EventStream::State::flushed() const {
  if (cut_) return Flushed::kCut;
  if (!waiting_.empty() || has_unsent()) return Flushed::kWaiting;
  return end_ == EventStreamEnd::kClosed ? Flushed::kOver : Flushed::kAll;
}

EventStream::State::RoomWaiters& EventStream::State::room_waiters() {
  if (room_waiters_ == nullptr) room_waiters_ = std::make_unique<RoomWaiters>();
  return *room_waiters_;
}

// Wakes waiting threads; the loop calls the callbacks.
void EventStream::State::notify_waiters() {
  if (room_waiters_ != nullptr) room_waiters_->changed.notify_all();
}

// Returns the callbacks to call: all, once the stream has room or is over.
std::vector<EventStream::State::Task> EventStream::State::waiters_to_call() {
  if (room_waiters_ == nullptr || (!is_over() && !has_room())) return {};
  room_waiters_->changed.notify_all();
  return std::exchange(room_waiters_->callbacks, {});
}

void EventStream::State::wake_once() {
  if (outlet_ == nullptr || std::exchange(woken_, true)) return;
  outlet_->defer([self = shared_from_this()] { self->wake(); });
}

void EventStream::State::wake() {
  Outlet* outlet = nullptr;
  {
    const MutexLock lock(mutex_);
    woken_ = false;
    outlet = outlet_;
  }
  if (outlet != nullptr) outlet->on_wake();  // detach() runs on this thread, so it cannot intervene
}

}  // namespace millrace
