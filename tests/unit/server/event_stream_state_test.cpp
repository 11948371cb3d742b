#include "stream/event_stream_state.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "millrace/core/limits.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

using State = EventStream::State;

// A state, with the two ends it stands between: deferred tasks and callbacks are run by the test.
class EventStreamStateTest : public ::testing::Test {
 protected:
  std::shared_ptr<State> make(bool chunked = true) {
    return std::make_shared<State>([this](State::Task task) { callbacks_.push_back(std::move(task)); }, chunked);
  }
  void attach(State& state) {
    state.attach([this](State::Task task) { deferred_.push_back(std::move(task)); }, [this] { ++flushes_; });
  }
  void run_deferred() {
    for (const auto& task : std::exchange(deferred_, {})) task();
  }
  void run_callbacks() {
    for (const auto& task : std::exchange(callbacks_, {})) task();
  }

  std::vector<State::Task> deferred_;
  std::vector<State::Task> callbacks_;
  int flushes_ = 0;
};

TEST_F(EventStreamStateTest, KeepsWhatIsSentUntilItIsTaken) {
  const auto state = make();
  EXPECT_TRUE(state->send({.type = "t", .data = "1", .id = "7"}));
  attach(*state);
  EXPECT_TRUE(state->send({.data = "2"}));
  EXPECT_TRUE(state->send({.data = "3"}));
  EXPECT_EQ(deferred_.size(), 1u) << "many sends wake the loop once";
  run_deferred();
  EXPECT_EQ(flushes_, 1);
  StreamDecoder decoder;
  const State::Taken taken = state->take();
  decoder.feed(taken.bytes);
  EXPECT_EQ(decoder.events(), (std::vector<Received>{{"t", "1", "7"}, {"message", "2", "7"}, {"message", "3", "7"}}));
  EXPECT_FALSE(taken.ended);
  EXPECT_FALSE(taken.cut);
  EXPECT_TRUE(state->take().bytes.empty());
  state->send({.data = "4"});
  EXPECT_EQ(deferred_.size(), 1u) << "and again once it has taken";
}

TEST_F(EventStreamStateTest, WritesBareBlocksOverHttp10) {
  const auto state = make(false);
  state->send({.data = "1"});
  EXPECT_EQ(state->take().bytes, "data: 1\n\n");
}

TEST_F(EventStreamStateTest, EndsBehindWhatWasSent) {
  const auto state = make();
  attach(*state);
  state->send({.data = "1"});
  state->end();
  state->end();
  EXPECT_FALSE(state->is_open());
  EXPECT_FALSE(state->send({.data = "2"}));
  const State::Taken taken = state->take();
  EXPECT_TRUE(taken.ended);
  EXPECT_FALSE(taken.cut);
  EXPECT_EQ(taken.bytes, "9\r\ndata: 1\n\n\r\n");
}

TEST_F(EventStreamStateTest, CountsWhatTheConnectionHasNotWritten) {
  const auto state = make();
  EXPECT_EQ(state->buffered_bytes(), 0u);
  state->send({.data = "1"});
  const std::size_t one = state->buffered_bytes();
  EXPECT_GT(one, 0u);
  EXPECT_EQ(state->take().bytes.size(), one);
  EXPECT_EQ(state->buffered_bytes(), one) << "taken, but not written";
  state->send({.data = "1"});
  EXPECT_EQ(state->buffered_bytes(), 2 * one);
  state->set_unwritten(3);
  EXPECT_EQ(state->buffered_bytes(), one + 3);
}

TEST_F(EventStreamStateTest, ReachingTheBoundCutsTheStream) {
  const auto state = make();
  attach(*state);
  const std::string data(64 * 1024, 'x');
  std::size_t sends = 0;
  while (state->send({.data = data})) {
    ASSERT_LE(state->buffered_bytes(), kMaxStreamBufferBytes + 64) << "the bound, and one chunk's framing";
    ASSERT_LT(++sends, 100u);
  }
  EXPECT_EQ(sends, 15u);
  EXPECT_FALSE(state->is_open());
  EXPECT_TRUE(state->take().cut);
}

TEST_F(EventStreamStateTest, BytesThatAreWrittenMakeRoom) {
  const auto state = make();
  const std::string data(512 * 1024, 'x');
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(state->send({.data = data})) << i;
    state->take();
    state->set_unwritten(0);
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

TEST_F(EventStreamStateTest, AfterItsConnectionHasGoneNothingIsKeptNorFlushed) {
  const auto state = make();
  attach(*state);
  state->send({.data = "1"});
  state->detach();
  run_deferred();
  EXPECT_EQ(flushes_, 0);
  EXPECT_FALSE(state->is_open());
  EXPECT_FALSE(state->send({.data = "2"}));
  EXPECT_EQ(state->buffered_bytes(), 0u);
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
  EXPECT_TRUE(state->take().ended);
}

}  // namespace
}  // namespace millrace::test
