#include "stream/event_stream_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/limits.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

using State = EventStream::State;

// A state, with the two ends it stands between: the test has the socket, the clock and the loop.
class EventStreamStateTest : public ::testing::Test, public State::Output {
 protected:
  std::shared_ptr<State> make(bool chunked = true) {
    return std::make_shared<State>([this](State::Task task) { callbacks_.push_back(std::move(task)); }, chunked);
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
  TimePoint now_{Duration{1}};
  std::vector<State::Task> deferred_;
  std::vector<State::Task> callbacks_;
  int wakes_ = 0;
  State::Progress progress_ = State::Progress::kWritten;  // of the last flush

 private:
  ssize_t write(std::string_view bytes) override {
    ++writes_;
    const ssize_t taken = std::min(room_, static_cast<ssize_t>(bytes.size()));
    if (taken < 0) return -1;
    room_ -= taken;
    written_.append(bytes.substr(0, static_cast<std::size_t>(taken)));
    return taken;
  }
  void defer(State::Task task) override { deferred_.push_back(std::move(task)); }
  void on_wake() override {
    ++wakes_;
    progress_ = state_->flush();
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
  EXPECT_EQ(state->flush(), State::Progress::kWritten);
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
  EXPECT_EQ(progress_, State::Progress::kWaiting);
  now_ += Duration{1};
  EXPECT_TRUE(state->send({.data = "3"}));
  EXPECT_TRUE(deferred_.empty()) << "the loop waits for the socket already";
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Progress::kWritten);
  EXPECT_EQ(written_, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
}

TEST_F(EventStreamStateTest, ABrokenConnectionIsCut) {
  const auto state = make();
  attach(*state);
  room_ = -1;
  EXPECT_FALSE(state->send({.data = "1"}));
  EXPECT_FALSE(state->is_open());
  run_deferred();
  EXPECT_EQ(progress_, State::Progress::kCut);
  EXPECT_EQ(writes_, 1u) << "and not written to again";
}

TEST_F(EventStreamStateTest, WritesBareBlocksOverHttp10) {
  const auto state = make(false);
  attach(*state);
  state->send({.data = "1"});
  EXPECT_EQ(written_, "data: 1\n\n");
  state->end();
  run_deferred();
  EXPECT_EQ(written_, "data: 1\n\n");
  EXPECT_EQ(progress_, State::Progress::kOver);
}

TEST_F(EventStreamStateTest, EndsBehindWhatWasSent) {
  const auto state = make();
  attach(*state);
  room_ = 4;
  state->send({.data = "1"});
  state->end();
  state->end();
  EXPECT_FALSE(state->is_open());
  EXPECT_FALSE(state->send({.data = "2"}));
  run_deferred();
  EXPECT_EQ(progress_, State::Progress::kWaiting);
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Progress::kOver);
  EXPECT_EQ(written_, "9\r\ndata: 1\n\n\r\n0\r\n\r\n");
}

TEST_F(EventStreamStateTest, AHeartbeatGoesOnlyWhereNothingWaits) {
  const auto state = make(false);
  attach(*state);
  EXPECT_EQ(state->heartbeat(), State::Progress::kWritten);
  EXPECT_EQ(written_, ":\n\n");
  room_ = 1;
  state->send({.data = "1"});
  EXPECT_EQ(state->heartbeat(), State::Progress::kWaiting);
  room_ = 1000;
  EXPECT_EQ(state->flush(), State::Progress::kWritten);
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
  EXPECT_EQ(progress_, State::Progress::kCut);
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
    ASSERT_EQ(state->flush(), State::Progress::kWaiting) << i;
  }
}

TEST_F(EventStreamStateTest, TellsItsListenersOnceThatItIsOver) {
  const auto state = make();
  attach(*state);
  int calls = 0;
  state->on_close([&] { ++calls; });
  state->on_close([&] { ++calls; });
  state->end();
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
  EXPECT_FALSE(state->send({.data = "2"}));
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

}  // namespace
}  // namespace millrace::test
