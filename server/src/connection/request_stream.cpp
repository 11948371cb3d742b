#include "request_stream.h"

#include "connection.h"
#include "connection_loop.h"
#include "http2_connection.h"
#include "stream_side.h"

namespace millrace {

void RequestStream::begin(std::string_view head) {
  state_->attach(*this, head);
  on_wake();
}

// Only the loop may use an HTTP/2 stream: a producer on another thread leaves its events to the loop.
ssize_t RequestStream::write_somewhere(std::string_view bytes) {
  Connection& connection = side_.connection();
  if (!connection.is_stream()) return connection.transport().write(bytes);
  if (!connection.loop().is_running_here()) return 0;
  if (!connection.http2()->is_open(connection)) return -1;
  iovec buffer{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};  // iovec is not const
  return static_cast<ssize_t>(connection.send({&buffer, 1}));
}

ssize_t RequestStream::write(std::string_view bytes) {
  const ssize_t count = write_somewhere(bytes);
  if (count > 0) bytes_.fetch_add(static_cast<std::uint64_t>(count), std::memory_order_relaxed);
  return count;
}

bool RequestStream::has_unsent() const {
  return side_.connection().has_unsent();
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
      side_.note_end(AccessEnd::kFinished);
      side_.leave(StreamEnd::kClosed);
      return connection.end_with({});
    case EventStream::State::Flushed::kCut:
      side_.note_end(state_->end() == EventStreamEnd::kClientLeft ? AccessEnd::kClientLeft : AccessEnd::kTooSlow);
      return connection.close(StreamEnd::kClosed);
  }
}

}  // namespace millrace
