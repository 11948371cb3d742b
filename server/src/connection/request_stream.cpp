#include "request_stream.h"

#include "connection.h"
#include "connection_loop.h"
#include "stream_side.h"

namespace millrace {

void RequestStream::begin(std::string_view head) {
  state_->attach(*this, head);
  on_wake();
}

ssize_t RequestStream::write(std::string_view bytes) {
  return side_.connection().transport().write(bytes);
}

bool RequestStream::has_unsent() const {
  return side_.connection().transport().has_unsent();
}

void RequestStream::defer(EventStream::State::Task task) {
  side_.connection().loop().defer(std::move(task));
}

TimePoint RequestStream::now() const {
  return monotonic_now();
}

void RequestStream::go_on(EventStream::State::Flushed flushed) {
  Connection& connection = side_.connection();
  switch (flushed) {
    case EventStream::State::Flushed::kAll:
      return connection.want_output(false);
    case EventStream::State::Flushed::kWaiting:
      return connection.want_output(true);
    case EventStream::State::Flushed::kOver:
      side_.leave(StreamEnd::kClosed);
      return connection.linger();
    case EventStream::State::Flushed::kCut:
      return connection.close(StreamEnd::kClosed);
  }
}

}  // namespace millrace
