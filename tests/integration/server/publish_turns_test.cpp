// Publish requests of many connections of one loop, which share its turns.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstddef>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "eventually.h"
#include "lone_loop.h"
#include "shares/publish_work.h"

namespace millrace::test {
namespace {

// Clients of one loop, whose publish requests a stub answers.
class PublishTurns : public ::testing::Test {
 protected:
  // Sends so many requests on each connection, each of which has more work than a turn.
  void send_requests(std::size_t each) {
    const std::string body(kPublishWorkPerTurn / kWorkPerEvent, '\n');
    const std::string request =
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
        body;
    for (const int client : loop_.clients()) {
      for (std::size_t i = 0; i < each; ++i) {
        ASSERT_EQ(::send(client, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
      }
    }
  }

  // The sockets of the requests served, in order.
  std::vector<int> served() {
    const std::lock_guard lock(mutex_);
    return served_;
  }

 private:
  bool serve(Exchange& exchange) {
    const std::lock_guard lock(mutex_);
    served_.push_back(exchange.socket);
    exchange.output.append("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    exchange.keep_alive = true;
    return true;
  }

  std::mutex mutex_;
  std::vector<int> served_;

 protected:
  LoneLoop loop_{nullptr, [this](Exchange& exchange, std::string_view) { return serve(exchange); }};
};

TEST_F(PublishTurns, AreSharedByTheConnectionsOfALoop) {
  constexpr std::size_t kClients = 3;
  constexpr std::size_t kRequests = 4;
  for (std::size_t i = 0; i < kClients; ++i) loop_.connect();
  std::promise<void> go_on = loop_.hold();
  send_requests(kRequests);
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
  for (int i = 0; i < 3; ++i) loop_.connect();
  std::promise<void> go_on = loop_.hold();
  send_requests(3);
  loop_.disconnect(1);
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return loop_.counts().open == 2; }));
  ASSERT_TRUE(eventually([&] { return served().size() >= 6; }));
}

}  // namespace
}  // namespace millrace::test
