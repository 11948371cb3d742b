// What waits in a stream's memory: its bound, the bound of all streams together, and calls for room.
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event_stream_state_test.h"
#include "millrace/server/limits.h"
#include "stream/stream_buffers.h"

namespace millrace::test {
namespace {

using State = EventStream::State;

class EventStreamRoom : public EventStreamStateTest {
 protected:
  // A stream whose socket takes nothing, and for which `waiting` waits.
  std::shared_ptr<State> make_without_room(State::Task waiting) {
    auto state = make(false);
    room_ = 0;
    attach(*state);
    EXPECT_TRUE(state->send({.data = std::string(kStreamRoomBytes, 'x')}));
    state->on_room(std::move(waiting));
    return state;
  }
};

TEST_F(EventStreamRoom, CountsWhatTheConnectionHasNotWritten) {
  const auto state = make();
  EXPECT_EQ(state->buffered_bytes(), 0u);
  state->send({.data = "1"});
  const std::size_t one = state->buffered_bytes();
  EXPECT_GT(one, 0u);
  room_ = 3;
  attach(*state);
  EXPECT_EQ(state->buffered_bytes(), one - 3);
  state->send({.data = "1"});
  EXPECT_EQ(state->buffered_bytes(), 2 * one - 3);
}

TEST_F(EventStreamRoom, ReachingTheBoundCutsTheStream) {
  const auto state = make();
  room_ = 0;
  attach(*state);
  const std::string data(64 * 1024, 'x');
  std::size_t sends = 0;
  while (state->send({.data = data})) {
    ASSERT_LE(state->buffered_bytes(), kMaxStreamBufferBytes);
    ASSERT_LT(++sends, 100u);
  }
  EXPECT_EQ(sends, 15u);
  EXPECT_LE(state->buffered_bytes(), kMaxStreamBufferBytes);
  EXPECT_FALSE(state->is_open());
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kCut);
}

// A client that is always a little behind: the buffer never empties, and is never full.
TEST_F(EventStreamRoom, BytesThatAreWrittenMakeRoom) {
  const auto state = make(false);
  room_ = 0;
  attach(*state);
  const std::string data(300 * 1024, 'x');
  state->send({.data = data});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(state->send({.data = data})) << i;
    room_ = static_cast<ssize_t>(data.size()) + 8;
    ASSERT_EQ(state->flush(), State::Flushed::kWaiting) << i;
  }
}

TEST_F(EventStreamRoom, AStreamThatIsCutKeepsNothingInMemory) {
  const auto all = std::make_shared<BufferBudget>(64 * 1024 * 1024);
  const auto buffers = std::make_shared<StreamBuffers>(all);
  const auto state = make(true, buffers);
  room_ = 0;
  attach(*state);
  const std::string data(64 * 1024, 'x');
  while (state->send({.data = data})) ASSERT_GE(all->held() + kUncountedBufferBytes, state->buffered_bytes());
  EXPECT_EQ(state->end(), EventStreamEnd::kTooSlow);
  EXPECT_EQ(state->buffered_bytes(), 0u);
  EXPECT_EQ(all->held(), 0u);
  EXPECT_EQ(buffers->cuts(EventStreamEnd::kTooSlow), 1u);
  EXPECT_EQ(buffers->cuts(EventStreamEnd::kNoBufferSpace), 0u);
}

TEST_F(EventStreamRoom, WhereAllBuffersAreFullThoseThatHoldMostAreCut) {
  const auto all = std::make_shared<BufferBudget>(4 * 1024 * 1024);
  const auto buffers = std::make_shared<StreamBuffers>(all);
  const auto large = make(true, buffers);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(large->send({.data = std::string(100 * 1024, 'x')}));
  std::vector<std::shared_ptr<State>> small;
  while (large->is_open()) {
    small.push_back(make(true, buffers));
    ASSERT_TRUE(small.back()->send({.data = std::string(100 * 1024, 'x')}));
    ASSERT_LE(all->held(), all->max() / 2) << "requests have the other half";
    ASSERT_LT(small.size(), 100u);
  }
  EXPECT_EQ(large->end(), EventStreamEnd::kNoBufferSpace);
  EXPECT_EQ(large->buffered_bytes(), 0u);
  for (const auto& one : small) EXPECT_TRUE(one->is_open());
  EXPECT_EQ(buffers->cuts(EventStreamEnd::kNoBufferSpace), 1u);
  small.clear();
  EXPECT_EQ(all->held(), 0u);
}

TEST_F(EventStreamRoom, WhereRequestsHaveAllBuffersAStreamIsCutAndSaysWhy) {
  const auto all = std::make_shared<BufferBudget>(1024 * 1024);
  const auto buffers = std::make_shared<StreamBuffers>(all);
  BufferBudget::Share requests(all.get());
  ASSERT_TRUE(requests.resize(kUncountedBufferBytes + 1024 * 1024));
  const auto state = make(true, buffers);
  EXPECT_TRUE(state->send({.data = std::string(kUncountedBufferBytes / 4, 'x')})) << "which does not count";
  EXPECT_EQ(state->send({.data = std::string(kUncountedBufferBytes, 'x')}).end, EventStreamEnd::kNoBufferSpace);
  EXPECT_EQ(state->end(), EventStreamEnd::kNoBufferSpace);
}

TEST_F(EventStreamRoom, CallsThoseThatWaitForRoomOnceThereIsSome) {
  int calls = 0;
  std::shared_ptr<State> state;
  state = make_without_room([&] {
    ++calls;
    EXPECT_TRUE(state->wait_for_room(Duration{0})) << "not under the stream's lock";
  });
  run_deferred();
  run_callbacks();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(state->wait_for_room(Duration{0}).room, EventStream::Room::kNotInTime);
  room_ = 100;
  state->flush();
  EXPECT_TRUE(callbacks_.size() == 1 && calls == 0) << "on a worker, not on the loop";
  run_callbacks();
  EXPECT_EQ(calls, 1);
  room_ = 1'000'000;
  state->flush();
  run_callbacks();
  EXPECT_EQ(calls, 1) << "once";
}

TEST_F(EventStreamRoom, OnRoomNeverCallsInTheMiddleOfTheCaller) {
  const auto state = make(false);
  attach(*state);
  int calls = 0;
  state->on_room([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  run_deferred();
  run_callbacks();
  EXPECT_EQ(calls, 1) << "though there was room already";
  state->detach();
  state->on_room([&] { ++calls; });
  EXPECT_EQ(calls, 2) << "over: here and now";
}

TEST_F(EventStreamRoom, AStreamThatIsOverHasNoRoomAndCallsThoseThatWaited) {
  int calls = 0;
  const auto state = make_without_room([&] { ++calls; });
  state->detach();
  run_callbacks();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(state->wait_for_room(Duration{1'000'000'000}).room, EventStream::Room::kNever);
  EXPECT_EQ(state->end(), EventStreamEnd::kClientLeft);
}

}  // namespace
}  // namespace millrace::test
