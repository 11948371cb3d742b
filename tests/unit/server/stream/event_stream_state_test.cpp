#include "event_stream_state_test.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "stream_decoder.h"

namespace millrace::test {
namespace {

using State = EventStream::State;

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
