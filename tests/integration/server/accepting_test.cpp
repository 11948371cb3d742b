// Several loops accept from one socket: no client is left out, no bound is exceeded, and no loop has much more than
// another.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "joined_thread.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

constexpr std::size_t kLoops = 4;
constexpr std::size_t kThreads = 8;

ServerOptions with_loops() {
  ServerOptions options = open_to_all();
  options.threads.loops = kLoops;
  options.threads.workers = 2;
  return options;
}

// Calls `work` on kThreads threads that begin together, with the number of each.
template <typename Work>
void at_once(Work work) {
  std::atomic<std::size_t> ready = 0;
  std::vector<JoinedThread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      ++ready;
      while (ready < kThreads) std::this_thread::yield();
      work(i);
    });
  }
}

// How many descriptors each epoll of this process watches.
std::vector<std::size_t> watched() {
  std::vector<std::size_t> counts;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream file(entry.path());
    std::size_t targets = 0;
    for (std::string line; std::getline(file, line);) targets += line.starts_with("tfd:") ? 1 : 0;
    if (targets > 0) counts.push_back(targets);
  }
  return counts;
}

std::size_t open_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

TEST(Accepting, LeavesNobodyOut) {
  RunningServer server(with_loops());
  std::atomic<int> answered = 0;
  at_once([&](std::size_t) {
    std::deque<RawClient> crowd;
    for (int i = 0; i < 50; ++i) crowd.emplace_back(server.port());
    for (RawClient& client : crowd) client.send(get("/events?topic=a"));
    for (RawClient& client : crowd) answered += client.read_response(false).status == 200 ? 1 : 0;
  });
  EXPECT_EQ(answered, 50 * static_cast<int>(kThreads));
}

TEST(Accepting, SpreadsConnectionsEvenly) {
#if defined(MILLRACE_POLLER_POLL) || defined(MILLRACE_POLLER_KQUEUE)
  GTEST_SKIP() << "only epoll shows what it watches";
#endif
  RunningServer server(with_loops());
  std::array<std::deque<RawClient>, kThreads> crowds;
  const auto come = [&](std::size_t thread) {
    for (int i = 0; i < 50; ++i) crowds[thread].emplace_back(server.port()).send(get("/events?topic=a"));
    for (RawClient& client : crowds[thread]) client.read_until("\r\n\r\n");
  };
  at_once(come);
  auto loops = watched();
  ASSERT_EQ(loops.size(), kLoops);
  // With the listening socket and what wakes it. Loops that accept at the same moment may both think they are the
  // idlest.
  const std::size_t fair = kThreads * 50 / kLoops;
  EXPECT_LE(std::ranges::max(loops), fair + fair / 8 + 2 + kLoops);
  EXPECT_GE(std::ranges::min(loops), fair - fair / 8);

  // One after the other, so that always the same loop could be the first.
  std::deque<RawClient> few;
  for (std::deque<RawClient>& crowd : crowds) crowd.clear();
  ASSERT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  for (std::size_t i = 0; i < 2 * kLoops; ++i) {
    few.emplace_back(server.port()).send(get("/events?topic=a"));
    few.back().read_until("\r\n\r\n");
  }
  loops = watched();
  EXPECT_LE(std::ranges::max(loops), 2u + 2 + 1);
}

TEST(Accepting, KeepsToTheBoundOfAllWhicheverLoopAccepts) {
  ServerOptions options = with_loops();
  options.shares.max_connections = 100;
  RunningServer server(options);
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> taken = 0;
    std::atomic<int> refused = 0;
    std::array<std::deque<RawClient>, kThreads> crowds;
    at_once([&](std::size_t thread) {
      for (int i = 0; i < 25; ++i) crowds[thread].emplace_back(server.port()).send(get("/events?topic=a"));
      for (RawClient& client : crowds[thread]) {
        const std::string head = client.read_until("\r\n\r\n");
        ++(head.starts_with("HTTP/1.1 200") ? taken : refused);
      }
    });
    EXPECT_EQ(taken, 100);
    EXPECT_EQ(refused, 100);
    // All of the room comes back.
    for (std::deque<RawClient>& crowd : crowds) crowd.clear();
    ASSERT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  }
}

TEST(Accepting, KeepsToTheBoundOfAnAddressWhicheverLoopAccepts) {
  ServerOptions options = with_loops();
  options.shares.max_connections_per_address = 20;
  RunningServer server(options);
  std::array<std::atomic<int>, 2> taken{};
  std::array<std::deque<RawClient>, kThreads> crowds;
  at_once([&](std::size_t thread) {
    const std::size_t address = thread % taken.size();
    const std::string source = address == 0 ? "127.0.0.8" : "127.0.0.9";
    for (int i = 0; i < 25; ++i) crowds[thread].emplace_back(server.port(), 0, source).send(get("/events?topic=a"));
    for (RawClient& client : crowds[thread]) {
      const std::string head = client.read_until("\r\n\r\n");
      if (head.starts_with("HTTP/1.1 200")) ++taken[address];
    }
  });
  EXPECT_EQ(taken[0], 20);
  EXPECT_EQ(taken[1], 20);
}

// Stopped while clients come in, it has answered or closed them all, and keeps no descriptor.
TEST(Accepting, EndsWithTheServer) {
  const std::size_t before = open_files();
  for (int round = 0; round < 5; ++round) {
    RunningServer server(with_loops());
    const int port = server.port();
    std::atomic<bool> stopped = false;
    std::atomic<std::size_t> accepted = 0;
    JoinedThread stopper([&] {
      eventually([&] { return accepted >= kThreads; });
      server.stop();
      stopped = true;
    });
    at_once([&](std::size_t) {
      while (!stopped) {
        try {
          RawClient client(port);
          client.send(get("/events?topic=a"));
          ++accepted;
          client.read_to_end();
        } catch (const std::exception&) {
          // refused: the server no longer listens
          if (!eventually([&] { return stopped.load(); })) ADD_FAILURE() << "refused by a server that runs";
        }
      }
    });
    EXPECT_ANY_THROW(RawClient{port});
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace millrace::test
