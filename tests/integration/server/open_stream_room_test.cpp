// Server::open_stream for clients that read slowly: the bound of what waits, and calls for room.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "millrace/server/limits.h"
#include "opened_stream.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

class OpenStreamRoom : public OpenStream {};

TEST_F(OpenStreamRoom, AClientThatDoesNotReadIsCutAtTheBound) {
  RawClient client(server_.port(), 4'096);
  open(client, get("/stream"));
  const EventStream stream = opened_.take();
  const std::string data(64 * 1024, 'x');
  int sent = 0;
  while (stream.send({.data = data})) {
    ASSERT_LE(stream.buffered_bytes(), kMaxStreamBufferBytes + 64);
    ASSERT_LT(++sent, 1'000);
  }
  EXPECT_FALSE(stream.is_open());
  EXPECT_TRUE(eventually([&] { return server_->open_streams() == 0; }));
  StreamDecoder decoder;
  decoder.feed(client.read_to_end());
  EXPECT_FALSE(decoder.ended()) << "cut, since nothing may be left out";
}

TEST_F(OpenStreamRoom, ALargeStreamArrivesWholeWhenItsSenderWaits) {
  StreamClient client(RawClient(server_.port(), 4'096), post("/stream", "begin"));
  const EventStream stream = opened_.take();
  std::thread sender([stream] {
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(stream.wait_for_room(kDeadline));
      ASSERT_TRUE(stream.send({.data = std::to_string(i) + std::string(50'000, 'x')}));
    }
    stream.close();
  });
  EXPECT_EQ(client.next_data(), "begin");
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(client.next_data().substr(0, 10), (std::to_string(i) + "xxxxxxxxxx").substr(0, 10));
  EXPECT_TRUE(client.read_to_end());
  sender.join();
}

// A stream whose client reads nothing but the response's head. The system keeps little: far more waits in the server
// than it may still take, however late it takes it.
class OpenStreamWithoutRoom : public ::testing::Test {
 protected:
  void SetUp() override {
    open(client_, get("/stream"));
    stream_ = opened_.take();
    while (stream_.buffered_bytes() < kMaxStreamBufferBytes / 2) {
      ASSERT_TRUE(stream_.send({.data = std::string(50'000, 'x')}));
    }
  }
  std::future<EventStream::Waited> wait_for_room(Duration time) const {
    return std::async(std::launch::async, [stream = stream_, time] { return stream.wait_for_room(time); });
  }

 private:
  void configure(Server& server) {
    server.set_socket_options([](socket_t socket) {
      constexpr int kSmall = 4'096;
      ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof kSmall);
    });
    opened_.route(server);
  }

  OpenedStream opened_;
  RunningServer server_{{}, [this](Server& server) { configure(server); }};

 protected:
  RawClient client_{server_.port(), 4'096};
  EventStream stream_;
};

TEST_F(OpenStreamWithoutRoom, HasSomeOnceTheClientReads) {
  EXPECT_FALSE(stream_.wait_for_room(Duration{20})) << "the client does not read";
  EXPECT_TRUE(stream_.is_open());
  EXPECT_GT(stream_.buffered_bytes(), kStreamRoomBytes);
  auto room = wait_for_room(kDeadline);
  while (room.wait_for(Duration{0}) != std::future_status::ready) {
    // There may be nothing left to read before the thread that waits has noticed.
    if (client_.has_input()) {
      ASSERT_FALSE(client_.read_some().empty());
    }
  }
  EXPECT_TRUE(room.get());
  EXPECT_LE(stream_.buffered_bytes(), kStreamRoomBytes);
}

TEST_F(OpenStreamWithoutRoom, EndsAWaitForSomeIfTheClientLeaves) {
  auto room = wait_for_room(kDeadline * 10);
  client_.reset();
  EXPECT_EQ(room.wait_for(kDeadline), std::future_status::ready);
  EXPECT_FALSE(room.get());
  EXPECT_EQ(stream_.end(), EventStreamEnd::kClientLeft);
}

// A producer without a thread of its own: each call sends what there is room for, and asks for the next.
class Producer : public std::enable_shared_from_this<Producer> {
 public:
  Producer(EventStream stream, int events) : stream_(std::move(stream)), left_(events) {}
  void go_on() {
    while (left_ > 0 && stream_.buffered_bytes() <= kStreamRoomBytes) {
      if (!stream_.send({.data = std::to_string(left_) + std::string(50'000, 'x')})) return;
      --left_;
    }
    if (left_ == 0) return stream_.close();
    stream_.on_room([self = shared_from_this()] {
      ++self->calls;
      self->go_on();
    });
  }
  std::atomic<int> calls = 0;

 private:
  const EventStream stream_;
  int left_;
};

TEST_F(OpenStreamRoom, AProducerIsPacedByCallsThatRunOnWorkers) {
  StreamClient client(RawClient(server_.port(), 4'096), post("/stream", "begin"));
  const auto producer = std::make_shared<Producer>(opened_.take(), 200);
  producer->go_on();
  EXPECT_EQ(client.next_data(), "begin");
  for (int i = 200; i > 0; --i)
    ASSERT_EQ(client.next_data().substr(0, 8), (std::to_string(i) + "xxxxxxxx").substr(0, 8));
  EXPECT_TRUE(client.read_to_end());
  EXPECT_GT(producer->calls, 0);
}

TEST_F(OpenStreamRoom, WhatACallForRoomThrowsIsReported) {
  std::promise<std::string> reported;
  ServerOptions options;
  options.on_failure = [&](const std::string& failure) { reported.set_value(failure); };
  OpenedStream opened;
  RunningServer server(options, [&](Server& one) { opened.route(one); });
  RawClient client(server.port());
  open(client, get("/stream"));
  opened.take().on_room([] { throw std::runtime_error("oh"); });
  EXPECT_EQ(reported.get_future().get(), "on_room: oh");
}

}  // namespace
}  // namespace millrace::test
