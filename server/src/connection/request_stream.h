// RequestStream: a StreamSide's request-scoped stream, and that stream's outlet to the connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "stream/event_stream_state.h"

namespace millrace {

class StreamSide;

class RequestStream final : public EventStream::State::Outlet {
 public:
  RequestStream(StreamSide& side, std::shared_ptr<EventStream::State> state) : side_(side), state_(std::move(state)) {}

  /// Begins with the response's head. The loop's thread, like everything except write() and defer().
  void begin(std::string_view head);
  void heartbeat() { go_on(state_->heartbeat()); }
  void leave() { state_->detach(); }
  /// Bytes that the connection has taken.
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  ssize_t write(std::string_view bytes) override;
  bool has_unsent() const override;
  void defer(EventStream::State::Task task) override;
  void on_wake() override { go_on(state_->flush()); }
  TimePoint now() const override;

 private:
  ssize_t write_somewhere(std::string_view bytes);
  void go_on(EventStream::State::Flushed flushed);

  StreamSide& side_;
  const std::shared_ptr<EventStream::State> state_;
  std::atomic<std::uint64_t> bytes_ = 0;
};

}  // namespace millrace
