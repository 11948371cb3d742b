// What requests that come in and responses that go out may take of the server's memory, all together.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/limits.h"
#include "raw_client.h"
#include "running_server.h"
#include "shares/buffer_budget.h"

namespace millrace::test {
namespace {

constexpr std::size_t kBodyBytes = 1'000'000;
constexpr int kSmallBuffer = 4'096;

// A publish request without its last byte.
std::string most_of_an_upload() {
  return "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(kBodyBytes) + "\r\n\r\n{\"topic\":\"a\",\"data\":\"x\"" + std::string(kBodyBytes - 24, ' ');
}

std::size_t metric(int port, const std::string& name) {
  const std::string all = ask(port, request("GET", "/metrics"));
  const std::size_t begin = all.find('\n' + name + ' ');
  return begin == std::string::npos ? 0 : std::stoul(all.substr(begin + name.size() + 2));
}

std::size_t buffered_bytes(int port) {
  return metric(port, "millrace_buffered_bytes");
}

TEST(BufferBudget, IsNeverExceeded) {
  BufferBudget budget(1'000);
  BufferBudget::Share one(&budget);
  BufferBudget::Share other(&budget);
  EXPECT_TRUE(one.resize(kUncountedBufferBytes));
  EXPECT_EQ(budget.held(), 0u);
  EXPECT_TRUE(one.resize(kUncountedBufferBytes + 600));
  EXPECT_FALSE(other.resize(kUncountedBufferBytes + 401));
  EXPECT_EQ(budget.held(), 600u);
  EXPECT_TRUE(other.resize(kUncountedBufferBytes + 400));
  EXPECT_FALSE(one.resize(kUncountedBufferBytes + 601));
  EXPECT_TRUE(one.resize(kUncountedBufferBytes + 100));
  EXPECT_EQ(budget.held(), 500u);
}

TEST(BufferBudget, GetsBackWhatIsNoLongerHeld) {
  BufferBudget budget(1'000);
  {
    BufferBudget::Share one(&budget);
    ASSERT_TRUE(one.resize(kUncountedBufferBytes + 700));
    BufferBudget::Share moved = std::move(one);
    EXPECT_EQ(budget.held(), 700u);
    BufferBudget::Share assigned(&budget);
    ASSERT_TRUE(assigned.resize(kUncountedBufferBytes + 300));
    assigned = std::move(moved);
    EXPECT_EQ(budget.held(), 700u);
  }
  EXPECT_EQ(budget.held(), 0u);
}

TEST(Buffers, RefuseARequestThatHasNoRoomAndKeepTheOthers) {
  RunningServer running({.threads = {.workers = 2, .loops = 1},
                         .http = {.max_buffered_bytes = kBodyBytes + kBodyBytes / 2},
                         .publishing = {.anonymous = true}},
                        [](Server& one) {
                          one.events("/events");
                          one.operations();
                        });
  RawClient first(running.port());
  first.send(most_of_an_upload());
  ASSERT_TRUE(eventually([&] { return buffered_bytes(running.port()) > kBodyBytes - kUncountedBufferBytes; }));
  RawClient second(running.port());
  second.send(most_of_an_upload());
  const RawResponse refused = second.read_response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "{\"error\":\"the server has no memory for this request\"}\n");
  EXPECT_GT(std::stoi(refused.field("Retry-After")), 0);
  EXPECT_TRUE(eventually(
      [&] { return metric(running.port(), R"(millrace_refusals_total{status="503",reason="memory"})") == 1; }));

  first.send("}");
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_TRUE(eventually([&] { return buffered_bytes(running.port()) == 0; }));
  RawClient third(running.port());
  third.send(most_of_an_upload() + "}");
  EXPECT_EQ(third.read_response().status, 200);
}

// The rest of a response goes to the event loop if there is room for it, and holds that until the client has taken it.
TEST(Buffers, HoldResponsesUntilTheyHaveBeenTaken) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1, .max_downloads = 1}, .http = {.max_buffered_bytes = kBodyBytes}},
      [](Server& one) {
        one.set_write_timeout(10'000);
        one.set_socket_options(
            [](socket_t socket) { ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof kSmallBuffer); });
        one.operations();
        one.Get("/large", [](const httplib::Request&, httplib::Response& response) {
          response.set_content(std::string(kBodyBytes, 'x'), "text/plain");
        });
      });
  RawClient held(running.port(), kSmallBuffer);
  held.send(request("GET", "/large"));
  ASSERT_TRUE(eventually([&] { return buffered_bytes(running.port()) > 0; }));
  // There is no room for these: a worker waits for each, of which one may.
  RawClient slow(running.port(), kSmallBuffer);
  slow.send(request("GET", "/large"));
  EXPECT_FALSE(slow.read_some().empty());
  RawClient second(running.port(), kSmallBuffer);
  second.send(request("GET", "/large"));
  EXPECT_FALSE(second.read_some().empty());
  EXPECT_TRUE(eventually([&] { return metric(running.port(), "millrace_cut_downloads_total") == 1; }));

  EXPECT_EQ(held.read_response().body, std::string(kBodyBytes, 'x'));
  EXPECT_TRUE(eventually([&] { return buffered_bytes(running.port()) == 0; }));
}

}  // namespace
}  // namespace millrace::test
