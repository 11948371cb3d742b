// One event loop with a connection, and what its hub does while the loop is busy.
#include "connection/connection_loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "connection/connection.h"
#include "eventually.h"
#include "joined_thread.h"
#include "lone_hub.h"
#include "millrace/core/limits.h"
#include "scripted_outlet.h"
#include "shares/publish_work.h"
#include "stream_decoder.h"

namespace millrace::test {
namespace {

class LoopWithAClient : public ::testing::Test {
 protected:
  LoopWithAClient() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    client_ = ends[0];
    EXPECT_TRUE(ConnectionCounts::add_to(counts_.open, 1));
    loop_.adopt(ends[1], {});
    EXPECT_EQ(::send(client_, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 35, 0), 35);
    request_ = asked_.get_future().get();
  }
  ~LoopWithAClient() override { ::close(client_); }

  static TimePoint time_zero() { return TimePoint{}; }

  void subscribe(const std::string& topic) {
    loop_.defer([this, topic] {
      request_->connection.subscribe({}, {.filter = filter_for({topic}), .client = {}}, hub_.resolve({}), {}, {});
    });
  }

  // Does nothing else until `go_on`.
  std::future<void> make_busy(std::shared_future<void> go_on) {
    auto busy = std::make_shared<std::promise<void>>();
    loop_.defer([busy, go_on] {
      busy->set_value();
      go_on.wait();
    });
    return busy->get_future();
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

  LoneHub hub_{{.history_events = 100'000, .history_bytes = 256 * 1024 * 1024, .epoch = "ep", .clock = time_zero}};
  RefusalCounters refusals_;
  ConnectionCounts counts_;
  std::promise<std::shared_ptr<Exchange>> asked_;
  std::shared_ptr<Exchange> request_;
  ConnectionLoop loop_{hub_,
                       {.options = {},
                        .read_timeout = Duration{5'000},
                        .write_timeout = Duration{5'000},
                        .keep_alive = Duration{5'000},
                        .max_requests = 1,
                        .refusals = &refusals_,
                        .presence = nullptr},
                       counts_,
                       [this](std::shared_ptr<Exchange> exchange) { asked_.set_value(std::move(exchange)); },
                       [](const std::function<void()>& task) { task(); }};
  int client_ = -1;
  StreamDecoder decoder_;
};

TEST_F(LoopWithAClient, LosesNothingOfWhatIsPublishedBeyondWhatMayWaitForIt) {
  subscribe("a");
  while (decoder_.last_event_id().empty()) ASSERT_TRUE(read_on());
  constexpr std::size_t kEvents = 2 * kMaxPostedFrames + 100;
  std::promise<void> go_on;
  make_busy(go_on.get_future().share()).wait();
  for (std::size_t i = 0; i < kEvents; ++i) hub_.publish("a", {.data = std::to_string(i)}).or_throw();
  go_on.set_value();
  while (decoder_.events().size() < kEvents) ASSERT_TRUE(read_on());
  for (std::size_t i = 0; i < kEvents; ++i) ASSERT_EQ(decoder_.events()[i].data, std::to_string(i));
  EXPECT_EQ(loop_.catching_up().get(), 0u);
  hub_.publish("a", {.data = "live again"}).or_throw();
  while (decoder_.events().size() == kEvents) ASSERT_TRUE(read_on());
  EXPECT_EQ(decoder_.events().back().data, "live again");
}

TEST_F(LoopWithAClient, KeepsNoMoreThanTheBoundForItself) {
  std::promise<void> go_on;
  make_busy(go_on.get_future().share()).wait();
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

// Clients of one loop, whose publish requests a stub answers.
class PublishTurns : public ::testing::Test {
 protected:
  ~PublishTurns() override {
    for (const int client : clients_) ::close(client);
  }

  void connect() {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    clients_.push_back(ends[0]);
    ASSERT_TRUE(ConnectionCounts::add_to(counts_.open, 10));
    loop_.adopt(ends[1], {});
  }

  bool serve(Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    const int socket = exchange.socket;
    served_.push_back(socket);
    exchange.output.append("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    exchange.keep_alive = true;
    return true;
  }

  std::vector<int> served() {
    const std::lock_guard lock(mutex_);
    return served_;
  }

  std::mutex mutex_;
  std::vector<int> served_;
  std::vector<int> clients_;
  LoneHub hub_{{.history_events = 10, .history_bytes = 1024, .epoch = "ep", .clock = [] { return TimePoint{}; }}};
  RefusalCounters refusals_;
  ConnectionCounts counts_;
  ConnectionLoop loop_{hub_,
                       {.options = {},
                        .read_timeout = Duration{5'000},
                        .write_timeout = Duration{5'000},
                        .keep_alive = Duration{30'000},
                        .max_requests = 1'000,
                        .refusals = &refusals_,
                        .presence = nullptr,
                        .serve_here = [this](Exchange& exchange, std::string_view) { return serve(exchange); }},
                       counts_,
                       [](const std::shared_ptr<Exchange>&) {},
                       [](const std::function<void()>& task) { task(); }};
};

// Each request alone has more work than a turn.
TEST_F(PublishTurns, AreSharedByTheConnectionsOfALoop) {
  constexpr std::size_t kClients = 3;
  constexpr std::size_t kRequests = 4;
  for (std::size_t i = 0; i < kClients; ++i) connect();
  std::promise<void> busy;
  std::promise<void> go_on;
  loop_.defer([&] {
    busy.set_value();
    go_on.get_future().wait();
  });
  busy.get_future().wait();
  const std::string body(kPublishWorkPerTurn / kWorkPerEvent, '\n');
  const std::string request =
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (const int client : clients_) {
    for (std::size_t i = 0; i < kRequests; ++i) {
      ASSERT_EQ(::send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    }
  }
  go_on.set_value();
  ASSERT_TRUE(eventually([&] { return served().size() == kClients * kRequests; }));
  const std::vector<int> order = served();
  EXPECT_EQ(std::set(order.begin(), order.begin() + 4).size(), kClients)
      << "no connection gets all its requests answered before the others get any";
  for (std::size_t i = 1; i + kClients <= 2 * kClients; i += kClients) {
    EXPECT_EQ(std::set(order.begin() + static_cast<std::ptrdiff_t>(i),
                       order.begin() + static_cast<std::ptrdiff_t>(i + kClients))
                  .size(),
              kClients)
        << "one request each";
  }
}

TEST_F(PublishTurns, AClientThatLeavesWhileItWaitsIsForgotten) {
  for (int i = 0; i < 3; ++i) connect();
  std::promise<void> busy;
  std::promise<void> go_on;
  loop_.defer([&] {
    busy.set_value();
    go_on.get_future().wait();
  });
  busy.get_future().wait();
  const std::string body(kPublishWorkPerTurn / kWorkPerEvent, '\n');
  const std::string request =
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (const int client : clients_) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(::send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    }
  }
  ::close(clients_[1]);
  clients_.erase(clients_.begin() + 1);
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return counts_.open == 2; }));
  ASSERT_TRUE(eventually([&] { return served().size() >= 6; }));
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
  loop_.drain(Duration{10'000});
  subscribe("a");
  while (!decoder_.ended()) ASSERT_TRUE(read_on());
  EXPECT_GE(decoder_.retry(), kDefaultReconnectionTime);
  EXPECT_EQ(decoder_.last_event_id(), "ep-0");
}

}  // namespace
}  // namespace millrace::test
