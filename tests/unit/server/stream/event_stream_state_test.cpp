#include "stream/event_stream_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/limits.h"
#include "stream/stream_buffers.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

using State = EventStream::State;

// A state, with the two ends it stands between: the test has the socket, the clock and the loop.
class EventStreamStateTest : public ::testing::Test, public State::Outlet {
 protected:
  std::shared_ptr<State> make(bool chunked = true, std::shared_ptr<StreamBuffers> buffers = nullptr) {
    return std::make_shared<State>(
        State::Terms{.run_callback = [this](State::Task task) { callbacks_.push_back(std::move(task)); },
                     .chunked = chunked,
                     .buffers = std::move(buffers)});
  }
  void attach(State& state) {
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
  std::vector<State::Task> deferred_;
  std::vector<State::Task> callbacks_;
  int wakes_ = 0;
  State::Flushed flushed_ = State::Flushed::kAll;  // of the last flush

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
  void defer(State::Task task) override { deferred_.push_back(std::move(task)); }
  void on_wake() override {
    ++wakes_;
    flushed_ = state_->flush();
  }
  TimePoint now() const override { return now_; }

  State* state_ = nullptr;
};

TEST_F(EventStreamStateTest, KeepsWhatIsSentUntilThereIsAConnection) {
  const auto state = make();
  EXPECT_TRUE(state->send({.type = "t", .data = "1", .id = "7"}));
  EXPECT_TRUE(state->send({.data = "2"}));
  EXPECT_EQ(writes_, 0u);
  attach(*state);
  StreamDecoder decoder;
  decoder.feed(written_);
  EXPECT_EQ(decoder.events(), (std::vector<Received>{{"t", "1", "7"}, {"message", "2", "7"}}));
  EXPECT_EQ(state->buffered_bytes(), 0u);
}

TEST_F(EventStreamStateTest, TheHeadGoesFirst) {
  const auto state = make(false);
  state->send({.data = "1"});
  state->attach(*this, "head\n");
  EXPECT_EQ(state->flush(), State::Flushed::kAll);
  EXPECT_EQ(written_, "head\ndata: 1\n\n");
}

TEST_F(EventStreamStateTest, AProducerWritesItselfWhereNothingWaits) {
  const auto state = make();
  attach(*state);
  EXPECT_TRUE(state->send({.data = "1"}));
  EXPECT_EQ(written_, "9\r\ndata: 1\n\n\r\n");
  now_ += Duration{1};
  EXPECT_TRUE(state->send({.data = "2"}));
  EXPECT_EQ(writes_, 2u);
  EXPECT_TRUE(deferred_.empty()) << "the loop has slept";
}

TEST_F(EventStreamStateTest, WhatAFastProducerSendsIsWrittenTogetherByTheLoop) {
  const auto state = make();
  attach(*state);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(state->send({.data = std::to_string(i)}));
  EXPECT_EQ(writes_, 1u);
  EXPECT_EQ(deferred_.size(), 1u) << "many sends wake the loop once";
  run_deferred();
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(writes_, 2u);
  StreamDecoder decoder;
  decoder.feed(written_);
  ASSERT_EQ(decoder.events().size(), 100u);
  EXPECT_EQ(decoder.events().back().data, "99");
  state->send({.data = "100"});
  EXPECT_EQ(deferred_.size(), 1u) << "and again once it has written";
}

TEST_F(EventStreamStateTest, WhatTheSocketDoesNotTakeIsTheLoops) {
  const auto state = make(false);
  attach(*state);
  room_ = 3;
  EXPECT_TRUE(state->send({.data = "1"}));
  EXPECT_EQ(written_, "dat");
  EXPECT_EQ(deferred_.size(), 1u);
  now_ += Duration{1};
  EXPECT_TRUE(state->send({.data = "2"})) << "behind it, and not past it";
  EXPECT_EQ(writes_, 1u);
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kWaiting);
  now_ += Duration{1};
  EXPECT_TRUE(state->send({.data = "3"}));
  EXPECT_TRUE(deferred_.empty()) << "the loop waits for the socket already";
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Flushed::kAll);
  EXPECT_EQ(written_, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
}

TEST_F(EventStreamStateTest, ABrokenConnectionIsCut) {
  const auto state = make();
  attach(*state);
  room_ = -1;
  EXPECT_FALSE(state->send({.data = "1"}));
  EXPECT_FALSE(state->is_open());
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kCut);
  EXPECT_EQ(writes_, 1u) << "and not written to again";
}

TEST_F(EventStreamStateTest, WritesBareBlocksOverHttp10) {
  const auto state = make(false);
  attach(*state);
  state->send({.data = "1"});
  EXPECT_EQ(written_, "data: 1\n\n");
  state->close();
  run_deferred();
  EXPECT_EQ(written_, "data: 1\n\n");
  EXPECT_EQ(flushed_, State::Flushed::kOver);
}

TEST_F(EventStreamStateTest, EndsAfterWhatWasSent) {
  const auto state = make();
  attach(*state);
  room_ = 4;
  state->send({.data = "1"});
  state->close();
  state->close();
  EXPECT_FALSE(state->is_open());
  EXPECT_EQ(state->send({.data = "2"}).end, EventStreamEnd::kClosed);
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kWaiting);
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Flushed::kOver);
  EXPECT_EQ(written_, "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
}

// With TLS what is sealed cannot be taken back: it counts as written, and has to be sent.
TEST_F(EventStreamStateTest, WhatIsTakenButNotSentIsTheLoops) {
  const auto state = make();
  attach(*state);
  unsent_ = true;
  EXPECT_TRUE(state->send({.data = "1"}));
  EXPECT_EQ(state->buffered_bytes(), 0u);
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kWaiting);
  const std::string before = written_;
  EXPECT_EQ(state->heartbeat(), State::Flushed::kWaiting);
  EXPECT_EQ(written_, before) << "a client that gets no event gets no heartbeat";
  state->close();
  run_deferred();
  EXPECT_EQ(flushed_, State::Flushed::kWaiting) << "its end is not sent yet";
  unsent_ = false;
  EXPECT_EQ(state->flush(), State::Flushed::kOver);
}

TEST_F(EventStreamStateTest, AHeartbeatGoesOnlyWhereNothingWaits) {
  const auto state = make(false);
  attach(*state);
  EXPECT_EQ(state->heartbeat(), State::Flushed::kAll);
  EXPECT_EQ(written_, ":\n\n");
  room_ = 1;
  state->send({.data = "1"});
  EXPECT_EQ(state->heartbeat(), State::Flushed::kWaiting);
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Flushed::kAll);
  EXPECT_EQ(written_, ":\n\ndata: 1\n\n");
}

TEST_F(EventStreamStateTest, CountsWhatTheConnectionHasNotWritten) {
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

TEST_F(EventStreamStateTest, ReachingTheBoundCutsTheStream) {
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
TEST_F(EventStreamStateTest, BytesThatAreWrittenMakeRoom) {
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

TEST_F(EventStreamStateTest, CallsItsListenersOnceWhenItIsOver) {
  const auto state = make();
  attach(*state);
  int calls = 0;
  state->on_close([&] { ++calls; });
  state->on_close([&] { ++calls; });
  state->close();
  run_callbacks();
  EXPECT_EQ(calls, 0) << "the last events are still to be written";
  state->detach();
  EXPECT_EQ(calls, 0) << "never on the loop's thread";
  run_callbacks();
  EXPECT_EQ(calls, 2);
  state->on_close([&] { ++calls; });
  EXPECT_EQ(calls, 3) << "over already: here and now";
}

TEST_F(EventStreamStateTest, AfterItsConnectionHasGoneNothingIsKeptNorWritten) {
  const auto state = make();
  room_ = 0;
  attach(*state);
  state->send({.data = "1"});
  EXPECT_EQ(writes_, 1u);
  state->detach();
  run_deferred();
  EXPECT_EQ(wakes_, 0);
  EXPECT_FALSE(state->is_open());
  EXPECT_EQ(state->send({.data = "2"}).end, EventStreamEnd::kClientLeft);
  EXPECT_EQ(state->buffered_bytes(), 0u);
  EXPECT_EQ(writes_, 1u);
  EXPECT_TRUE(deferred_.empty());
}

TEST_F(EventStreamStateTest, EndsWhenItsLastHandleGoes) {
  const auto state = make();
  {
    const EventStream stream(state);
    const EventStream copy = stream;  // NOLINT(performance-unnecessary-copy-initialization): the copy is the point
    EXPECT_TRUE(copy.is_open());
  }
  EXPECT_FALSE(state->is_open());
  attach(*state);
  EXPECT_EQ(written_, "0\r\n\r\n");
}

TEST_F(EventStreamStateTest, AStreamThatIsCutKeepsNothingInMemory) {
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

TEST_F(EventStreamStateTest, WhereAllBuffersAreFullThoseThatHoldMostAreCut) {
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

TEST_F(EventStreamStateTest, WhereRequestsHaveAllBuffersAStreamIsCutAndSaysWhy) {
  const auto all = std::make_shared<BufferBudget>(1024 * 1024);
  const auto buffers = std::make_shared<StreamBuffers>(all);
  BufferBudget::Share requests(all.get());
  ASSERT_TRUE(requests.resize(kUncountedBufferBytes + 1024 * 1024));
  const auto state = make(true, buffers);
  EXPECT_TRUE(state->send({.data = std::string(kUncountedBufferBytes / 4, 'x')})) << "which does not count";
  EXPECT_EQ(state->send({.data = std::string(kUncountedBufferBytes, 'x')}).end, EventStreamEnd::kNoBufferSpace);
  EXPECT_EQ(state->end(), EventStreamEnd::kNoBufferSpace);
}

TEST_F(EventStreamStateTest, CallsThoseThatWaitForRoomOnceThereIsSome) {
  const auto state = make(false);
  room_ = 0;
  attach(*state);
  ASSERT_TRUE(state->send({.data = std::string(kStreamRoomBytes, 'x')}));
  int calls = 0;
  state->on_room([&] {
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

TEST_F(EventStreamStateTest, OnRoomNeverCallsInTheMiddleOfTheCaller) {
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

TEST_F(EventStreamStateTest, AStreamThatIsOverHasNoRoomAndCallsThoseThatWaited) {
  const auto state = make(false);
  room_ = 0;
  attach(*state);
  ASSERT_TRUE(state->send({.data = std::string(kStreamRoomBytes, 'x')}));
  int calls = 0;
  state->on_room([&] { ++calls; });
  state->detach();
  run_callbacks();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(state->wait_for_room(Duration{1'000'000'000}).room, EventStream::Room::kNever);
  EXPECT_EQ(state->end(), EventStreamEnd::kClientLeft);
}

TEST(EventStreamHandle, MadeWithoutAStreamIsClosed) {
  const EventStream stream;
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(stream.end(), EventStreamEnd::kClosed);
  EXPECT_EQ(stream.send({.data = "1"}).end, EventStreamEnd::kClosed);
  EXPECT_EQ(stream.buffered_bytes(), 0u);
  EXPECT_FALSE(stream.wait_for_room(Duration{1'000'000'000}));
  stream.close();
  int calls = 0;
  stream.on_close([&] { ++calls; });
  stream.on_room([&] { ++calls; });
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(EventStream(nullptr).is_open());
}

TEST_F(EventStreamStateTest, AHandleThatWasMovedFromIsClosed) {
  const auto state = make();
  EventStream stream(state);
  const EventStream other = std::move(stream);
  EXPECT_TRUE(other.is_open());
  EXPECT_FALSE(stream.send({.data = "1"}));  // NOLINT(bugprone-use-after-move): what it is about
  EXPECT_TRUE(other.is_open());
}

}  // namespace
}  // namespace millrace::test
