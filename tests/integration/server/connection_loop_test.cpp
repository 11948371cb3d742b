// One event loop with a connection, and what its hub does while the loop is busy.
#include "connection/connection_loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "joined_thread.h"
#include "lone_loop.h"
#include "millrace/core/limits.h"
#include "scripted_outlet.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

class LoopWithAClient : public ::testing::Test {
 protected:
  LoopWithAClient() {
    EXPECT_EQ(::send(client_, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35, 0), 35);
    request_ = asked_.get_future().get();
  }

  void subscribe(const std::string& topic) {
    loop_->defer([this, topic] {
      request_->connection.subscribe({}, {.filter = filter_for({topic}), .client = {}}, hub_.resolve({}), {}, {});
    });
  }

  // False at the stream's end.
  bool read_on() {
    pollfd waiting{.fd = client_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 30'000) <= 0) throw std::runtime_error("nothing came in time");
    std::array<char, 65'536> bytes;
    const ssize_t count = ::recv(client_, bytes.data(), bytes.size(), 0);
    if (count > 0) decoder_.feed({bytes.data(), static_cast<std::size_t>(count)});
    return count > 0;
  }

 private:
  std::promise<std::shared_ptr<Exchange>> asked_;
  std::shared_ptr<Exchange> request_;

 protected:
  LoneLoop loop_{[this](std::shared_ptr<Exchange> exchange) { asked_.set_value(std::move(exchange)); }};
  LoneHub& hub_ = loop_.hub();
  const int client_ = loop_.connect();
  StreamDecoder decoder_;
};

TEST_F(LoopWithAClient, LosesNothingOfWhatIsPublishedBeyondWhatMayWaitForIt) {
  subscribe("a");
  while (decoder_.last_event_id().empty()) ASSERT_TRUE(read_on());
  constexpr std::size_t kEvents = 2 * kMaxPostedFrames + 100;
  std::promise<void> go_on = loop_.hold();
  for (std::size_t i = 0; i < kEvents; ++i) hub_.publish("a", {.data = std::to_string(i)}).or_throw();
  go_on.set_value();
  while (decoder_.events().size() < kEvents) ASSERT_TRUE(read_on());
  for (std::size_t i = 0; i < kEvents; ++i) ASSERT_EQ(decoder_.events()[i].data, std::to_string(i));
  EXPECT_EQ(loop_->catching_up().get(), 0u);
  hub_.publish("a", {.data = "live again"}).or_throw();
  while (decoder_.events().size() == kEvents) ASSERT_TRUE(read_on());
  EXPECT_EQ(decoder_.events().back().data, "live again");
}

TEST_F(LoopWithAClient, KeepsNoMoreThanTheBoundForItself) {
  std::promise<void> go_on = loop_.hold();
  const std::string large(1024 * 1024, 'x');
  const FramePtr first = [&] {
    hub_.publish("a", {.data = large}).or_throw();
    return hub_.read_after(0, *filter_for({"a"})).frames.at(0);
  }();
  EXPECT_EQ(first.use_count(), 3) << "the log's, the loop's and this one";
  for (std::size_t i = 1; i < kMaxPostedBytes / large.size(); ++i) hub_.publish("a", {.data = large}).or_throw();
  hub_.publish("a", {.data = large}).or_throw();
  const FramePtr beyond = hub_.read_after(kMaxPostedBytes / large.size(), *filter_for({"a"})).frames.at(0);
  EXPECT_EQ(beyond.use_count(), 2) << "the log's and this one";
  go_on.set_value();
}

// In step, one counter after the other, and without a pause: those who yield do not count at the same moment.
TEST(ConnectionCounts, PassNoBoundWhoeverCountsAtTheSameMoment) {
  constexpr std::size_t kThreads = 2;
  std::vector<std::atomic<std::size_t>> counts(2'000);
  std::atomic<std::size_t> arrived = 0;
  std::atomic<std::size_t> counted = 0;
  {
    std::vector<JoinedThread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        for (std::size_t i = 0; i < counts.size(); ++i) {
          ++arrived;
          while (arrived < kThreads * (i + 1)) continue;
          counted += ConnectionCounts::add_to(counts[i], 1) ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(counted, counts.size());
  for (const auto& count : counts) ASSERT_EQ(count, 1u);
}

// The check for draining was passed on a worker; then came the drain, and then the stream.
TEST_F(LoopWithAClient, RetiresAStreamThatArrivesWhileItDrains) {
  loop_->drain(Duration{10'000});
  subscribe("a");
  while (!decoder_.ended()) ASSERT_TRUE(read_on());
  EXPECT_GE(decoder_.retry(), kDefaultReconnectionTime);
  EXPECT_EQ(decoder_.last_event_id(), "ep-0");
}

}  // namespace
}  // namespace millrace::test
