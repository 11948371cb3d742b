// EventStreamStateTest: a stream's state with the two ends that it stands between: the test has the socket, the clock
// and the loop.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/event_stream_state.h"
#include "stream/stream_buffers.h"

namespace millrace::test {

class EventStreamStateTest : public ::testing::Test, public EventStream::State::Outlet {
 protected:
  std::shared_ptr<EventStream::State> make(bool chunked = true, std::shared_ptr<StreamBuffers> buffers = nullptr) {
    return std::make_shared<EventStream::State>(EventStream::State::Terms{
        .run_callback = [this](EventStream::State::Task task) { callbacks_.push_back(std::move(task)); },
        .chunked = chunked,
        .buffers = std::move(buffers)});
  }
  void attach(EventStream::State& state) {
    state_ = &state;
    state.attach(*this, {});
    state.flush();
  }
  void run_deferred() {
    for (const auto& task : std::exchange(deferred_, {})) task();
  }
  void run_callbacks() {
    for (const auto& task : std::exchange(callbacks_, {})) task();
  }

  std::string written_;
  std::size_t writes_ = 0;
  ssize_t room_ = 1 << 30;  // in the socket; negative: it is broken
  bool unsent_ = false;     // of what has been taken
  TimePoint now_{Duration{1}};
  std::vector<EventStream::State::Task> deferred_;
  std::vector<EventStream::State::Task> callbacks_;
  int wakes_ = 0;
  EventStream::State::Flushed flushed_ = EventStream::State::Flushed::kAll;  // of the last flush

 private:
  ssize_t write(std::string_view bytes) override {
    ++writes_;
    const ssize_t taken = std::min(room_, static_cast<ssize_t>(bytes.size()));
    if (taken < 0) return -1;
    room_ -= taken;
    written_.append(bytes.substr(0, static_cast<std::size_t>(taken)));
    return taken;
  }
  bool has_unsent() const override { return unsent_; }
  void defer(EventStream::State::Task task) override { deferred_.push_back(std::move(task)); }
  void on_wake() override {
    ++wakes_;
    flushed_ = state_->flush();
  }
  TimePoint now() const override { return now_; }

  EventStream::State* state_ = nullptr;
};

}  // namespace millrace::test
