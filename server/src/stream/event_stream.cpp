#include "millrace/server/event_stream.h"

#include <utility>

#include "base/failure.h"
#include "event_stream_state.h"
#include "millrace/server/limits.h"

namespace millrace {

std::string_view sentence_of(EventStreamEnd end) {
  switch (end) {
    case EventStreamEnd::kNone:
      return "the stream is open";
    case EventStreamEnd::kClosed:
      return "the program has closed the stream";
    case EventStreamEnd::kClientLeft:
      return "the client has closed the connection, or the server has stopped";
    case EventStreamEnd::kTooSlow:
      return "the client reads too slowly: more than kMaxStreamBufferBytes would wait for it";
    case EventStreamEnd::kNoBufferSpace:
      return "the client reads too slowly, and all streams together have used up their half of "
             "ServerOptions::http.max_buffered_bytes";
  }
  return {};
}

struct EventStream::Handle {
  explicit Handle(std::shared_ptr<State> shared) : state(std::move(shared)) {}
  ~Handle() { state->close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const std::shared_ptr<State> state;
};

EventStream::EventStream(std::shared_ptr<State> state)
    : handle_(state != nullptr ? std::make_shared<Handle>(std::move(state)) : nullptr) {}

EventStream::Sent EventStream::send(const Event& event) const {
  return handle_ != nullptr ? handle_->state->send(event) : Sent{};
}
void EventStream::close() const {
  if (handle_ != nullptr) handle_->state->close();
}
bool EventStream::is_open() const {
  return end() == EventStreamEnd::kNone;
}
EventStreamEnd EventStream::end() const {
  return handle_ != nullptr ? handle_->state->end() : EventStreamEnd::kClosed;
}
std::size_t EventStream::buffered_bytes() const {
  return handle_ != nullptr ? handle_->state->buffered_bytes() : 0;
}
std::string_view EventStream::Waited::sentence() const {
  switch (room) {
    case Room::kNow:
      return "the stream has room";
    case Room::kNotInTime:
      return "the client has not read enough in time";
    case Room::kNever:
      return "the stream is closed";
  }
  return {};
}
EventStream::Waited EventStream::wait_for_room(Duration timeout) const {
  return handle_ != nullptr ? handle_->state->wait_for_room(timeout) : Waited{};
}
void EventStream::on_room(std::function<void()> callback) const {
  if (handle_ != nullptr) return handle_->state->on_room(std::move(callback));
  call_guarded(nullptr, {}, callback);
}
void EventStream::on_close(std::function<void()> callback) const {
  if (handle_ != nullptr) return handle_->state->on_close(std::move(callback));
  call_guarded(nullptr, {}, callback);
}

}  // namespace millrace
