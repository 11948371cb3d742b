// Clients that take their responses slowly: what they may hold, and for how long.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <thread>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/limits.h"
#include "raw_client.h"
#include "running_server.h"
#include "shares/download_gate.h"

namespace millrace::test {
namespace {

constexpr int kSmallBuffer = 4'096;

TEST(Downloads, KeepsWorkersFreeOfClientsThatReadTooSlowly) {
  const Duration hours{10'000'000};
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_downloads = 1}, .http = {.body_deadline = hours}},
                        [](Server& one) {
                          one.set_write_timeout(10'000);
                          one.operations();
                          one.Get("/large", [](const httplib::Request&, httplib::Response& response) {
                            response.set_content(std::string(32 * 1024 * 1024, 'x'), "text/plain");
                          });
                        });
  std::deque<RawClient> slow;
  for (int i = 0; i < 4; ++i) {
    slow.emplace_back(running.port(), kSmallBuffer).send(request("GET", "/large"));
    EXPECT_FALSE(slow.back().read_some().empty());
  }
  // A worker cuts another client when its own takes no more, and that is behind the first bytes.
  std::string metrics;
  EXPECT_TRUE(eventually([&] {
    metrics = ask(running.port(), request("GET", "/metrics"));
    return metrics.find("millrace_cut_downloads_total 3\n") != std::string::npos;
  })) << metrics;
}

TEST(Downloads, CutsTheSlowestReader) {
  std::array<std::array<int, 2>, 3> pairs{};
  for (auto& pair : pairs) ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
  struct Client final : DownloadGate::Client {
    explicit Client(int of) : socket(of) {}
    void cut() override { ::shutdown(socket, SHUT_RDWR); }
    const int socket;
  };
  Client clients[] = {Client(pairs[0][0]), Client(pairs[1][0]), Client(pairs[2][0])};
  const auto is_cut = [&](std::size_t i) { return ::send(pairs[i][0], "x", 1, MSG_NOSIGNAL) < 0; };
  DownloadGate gate(2);
  const TimePoint now{Duration{1'000'000}};
  const DownloadGate::Waiting fast(gate, clients[0], 9000, Duration{1000}, now);
  const DownloadGate::Waiting slow(gate, clients[1], 5000, Duration{1000}, now);
  EXPECT_EQ(gate.cuts(), 0u);
  {
    const DownloadGate::Waiting newcomer(gate, clients[2], 7000, Duration{1000}, now);
    EXPECT_FALSE(is_cut(0));
    EXPECT_TRUE(is_cut(1));
    EXPECT_FALSE(is_cut(2));
  }
  // It has left, and a cut client no longer counts: there is room for one.
  const DownloadGate::Waiting next(gate, clients[2], 1, Duration{1000}, now);
  EXPECT_FALSE(is_cut(2));
  EXPECT_EQ(gate.cuts(), 1u);
  for (const auto& pair : pairs) {
    for (const int socket : pair) ::close(socket);
  }
}

// Somebody takes a byte of such a response now and then.
void expect_an_end(std::size_t response_bytes) {
  RunningServer running({.threads = {.loops = 1}, .http = {.body_deadline = Duration{300}}}, [=](Server& one) {
    one.set_write_timeout(10'000);
    one.set_socket_options(
        [](socket_t socket) { ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSmallBuffer, sizeof kSmallBuffer); });
    one.operations();
    one.Get("/large", [=](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(response_bytes, 'x'), "text/plain");
    });
  });
  RawClient slow(running.port(), kSmallBuffer);
  slow.send(request("GET", "/large"));
  std::atomic<bool> done = false;
  std::thread drip([&] {
    while (!done) {
      slow.read_exactly(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  const auto metrics = [&] { return ask(running.port(), request("GET", "/metrics")); };
  EXPECT_TRUE(eventually([&] { return metrics().find("millrace_cut_downloads_total 1\n") != std::string::npos; }))
      << metrics();
  // What is left is the one that asks, once those that asked before are closed.
  EXPECT_TRUE(eventually([&] { return metrics().find("millrace_connections 1\n") != std::string::npos; })) << metrics();
  done = true;
  drip.join();
}

TEST(Downloads, EndWhereAWorkerWaitsForAClientThatTakesAByteNowAndThen) {
  expect_an_end(8 * kMaxBufferedResponseBytes);
}

TEST(Downloads, EndWhereNoWorkerWaitsAnyMoreForAClientThatTakesAByteNowAndThen) {
  expect_an_end(kMaxBufferedResponseBytes - 4'096);
}

}  // namespace
}  // namespace millrace::test
