// What happens where connections come in: errors of accept(), ports, and clients there is no room for.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <ranges>
#include <string>
#include <thread>

#include "eventually.h"
#include "joined_thread.h"
#include "millrace/server/limits.h"
#include "running_server.h"
#include "stream_client.h"

namespace {

// What the system is to answer to the next call; 0: what it does.
std::atomic<int> g_next_error = 0;

// Whether it is to have no descriptors left, and how often it has said so to each thread that asked.
std::atomic<bool> g_is_full = false;
std::mutex g_mutex;
std::map<std::thread::id, int> g_refused;

// Whether the next call that takes a connection is to stay where it is, and does.
std::atomic<bool> g_holds = false;
std::atomic<bool> g_is_held = false;

}  // namespace

// In place of the C library's.
extern "C" int accept4(int socket, sockaddr* address, socklen_t* length, int flags) {
  if (g_is_full) {
    const std::lock_guard lock(g_mutex);
    ++g_refused[std::this_thread::get_id()];
    errno = EMFILE;
    return -1;
  }
  // A connection is taken first, so that the call has not been waiting since before the error was asked for.
  const auto accepted = static_cast<int>(::syscall(SYS_accept4, socket, address, length, flags));
  if (accepted >= 0 && g_holds) {
    g_is_held = true;
    g_holds.wait(true);
  }
  const int error = g_next_error.exchange(0);
  if (accepted < 0 || error == 0) return accepted;
  ::close(accepted);
  errno = error;
  return -1;
}

namespace millrace::test {
namespace {

void with_events(Server& server) {
  server.events("/events");
}

TEST(Listening, GoesOnAfterAConnectionThatCouldNotBeAccepted) {
  RunningServer server(open_to_all(), with_events);
  StreamClient stream(server.port(), "/events?topic=a");
  for (const int error : {ECONNABORTED, EPROTO, ENFILE, EMFILE, ENOBUFS, ENOMEM, EINTR, EPERM, ENETDOWN}) {
    g_next_error = error;
    RawClient(server.port()).is_at_end();
    ASSERT_EQ(g_next_error, 0);
    const auto response = RawClient(server.port()).exchange(post("/events", R"({"topic":"a","data":"x"})"));
    EXPECT_EQ(response.status, 200) << error;
    EXPECT_EQ(stream.next_data(), "x");
  }
}

TEST(Listening, GoesOnWithItsStreamsOnEveryLoopWhileThereAreNoDescriptors) {
  ServerOptions options = open_to_all();
  options.threads.loops = 3;
  RunningServer server(options, with_events);
  std::deque<StreamClient> streams;
  for (int i = 0; i < 6; ++i) streams.emplace_back(server.port(), "/events?topic=a");
  RawClient publisher(server.port());
  ASSERT_EQ(publisher.exchange(post("/events", R"({"topic":"a","data":"before"})")).status, 200);
  {
    const std::lock_guard lock(g_mutex);
    g_refused.clear();
  }
  g_is_full = true;
  std::deque<RawClient> waiting;
  for (int i = 0; i < 20; ++i) waiting.emplace_back(server.port()).send(get("/events?topic=a"));
  // Each loop tries, and tries again, and writes to its streams in between.
  EXPECT_TRUE(eventually([] {
    const std::lock_guard lock(g_mutex);
    return g_refused.size() == 3 && std::ranges::all_of(g_refused, [](const auto& loop) { return loop.second > 1; });
  }));
  EXPECT_EQ(publisher.exchange(post("/events", R"({"topic":"a","data":"meanwhile"})")).status, 200);
  for (StreamClient& stream : streams) {
    EXPECT_EQ(stream.next_data(), "before");
    EXPECT_EQ(stream.next_data(), "meanwhile");
  }
  g_is_full = false;
  for (RawClient& client : waiting) EXPECT_EQ(client.read_response(false).status, 200);
}

// Which loop a connection goes to is asked of all loops: they are there until none accepts.
TEST(Listening, KeepsItsLoopsWhenStoppedUntilNoneOfThemAccepts) {
  RunningServer server(open_to_all(), with_events);
  const StreamClient stream(server.port(), "/events?topic=a");
  g_is_held = false;
  g_holds = true;
  RawClient held(server.port());
  ASSERT_TRUE(eventually([] { return g_is_held.load(); }));
  JoinedThread stopper([&] { server.stop(); });
  EXPECT_TRUE(eventually([&] {
    try {
      RawClient{server.port()};
      return false;
    } catch (const std::exception&) {
      return true;  // the server no longer listens
    }
  }));
  // Time enough for what must not happen.
  std::size_t least = 1;
  for (int look = 0; look < 1000; ++look) {
    least = std::min(least, server->open_streams());
    std::this_thread::yield();
  }
  EXPECT_EQ(least, 1u);
  g_holds = false;
  g_holds.notify_all();
  stopper.join();
  EXPECT_TRUE(held.is_at_end());
}

TEST(Listening, TakesNoPortThatAnotherServerHas) {
  RunningServer first({}, with_events);
  Server second;
  EXPECT_FALSE(second.bind_to_port("127.0.0.1", first.port()));
  first.stop();
  Server third;
  EXPECT_TRUE(third.bind_to_port("127.0.0.1", first.port())) << "it is free again at once";
}

// Closing a socket with unread input would reset the connection, and the answer could be lost.
TEST(Listening, LetsThoseItTurnsAwayReadWhy) {
  ServerOptions options;
  options.shares.max_connections = 1;
  RunningServer server(options, with_events);
  const StreamClient stream(server.port(), "/events?topic=a");
  RawClient refused(server.port());
  const RawResponse response = refused.read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.field("Retry-After"), "");
  refused.send(get("/events?topic=a"));
  refused.send(get("/events?topic=a"));
  EXPECT_TRUE(refused.is_at_end());
  int error = 0;
  socklen_t size = sizeof error;
  ASSERT_EQ(::getsockopt(refused.socket(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
  EXPECT_EQ(error, 0) << "an end in order, not a reset";
  EXPECT_TRUE(refused.send(get("/events?topic=a"))) << "and the server still listens to what it will not answer";
}

TEST(Listening, MakesRoomAgainWhenThoseWithinTheBoundLeave) {
  ServerOptions options;
  options.shares.max_connections = 2;
  RunningServer server(options, with_events);
  {
    const StreamClient one(server.port(), "/events?topic=a");
    const StreamClient two(server.port(), "/events?topic=a");
    // They are lingering, and do not count.
    for (int i = 0; i < 5; ++i) EXPECT_EQ(RawClient(server.port()).read_response().status, 503);
  }
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  const StreamClient three(server.port(), "/events?topic=a");
  const StreamClient four(server.port(), "/events?topic=a");
}

TEST(Listening, IsReadyAgainAfterADrainAndAStop) {
  RunningServer server({}, [](Server& one) { one.events("/events").operations(); });
  server->drain(Duration{0});
  EXPECT_EQ(RawClient(server.port()).exchange(get("/readyz")).status, 503);
  server.stop();
  server.start();
  EXPECT_EQ(RawClient(server.port()).exchange(get("/readyz")).status, 200);
  const StreamClient stream(server.port(), "/events?topic=a");
}

// A worker hands on what the client does not take at once; only what is beyond the bound has to wait.
TEST(Listening, KeepsNoWorkerForAClientThatDoesNotReadItsResponse) {
  ServerOptions options;
  options.threads.workers = 1;
  RunningServer server(options, [](Server& one) {
    one.set_write_timeout(1'000);
    one.Get("/large", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(kMaxBufferedResponseBytes, 'x'), "text/plain");
    });
    one.Get("/small",
            [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  });
  RawClient slow(server.port(), 4'096);
  slow.send(get("/large"));
  ASSERT_NE(slow.read_until("\r\n\r\n"), "");
  EXPECT_EQ(RawClient(server.port()).exchange(get("/small")).body, "x");
  EXPECT_EQ(slow.read_exactly(kMaxBufferedResponseBytes), std::string(kMaxBufferedResponseBytes, 'x'));
}

TEST(Listening, CountsWhatItRefusesByReason) {
  ServerOptions options;
  options.publishing.max_bytes = 100;
  RunningServer server(options, [](Server& one) { one.events("/events").operations(); });
  RawClient(server.port()).exchange(post("/events", R"({"topic":"a","data":"x"})"));
  RawClient(server.port()).exchange(get("/events?topic=a*"));
  RawClient(server.port()).exchange(get("/events?topic=a*"));
  RawClient(server.port()).exchange("GET /events?topic=a HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  RawClient(server.port()).exchange("GET / HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n");
  RawClient(server.port()).exchange(get("/nowhere"));
  server->drain(Duration{0});
  RawClient(server.port()).exchange(get("/events?topic=a"));
  // A worker counts a request after its answer, which may already have arrived.
  for (const char* line : {"{status=\"403\",reason=\"forbidden\"} 1", "{status=\"400\",reason=\"invalid\"} 2",
                           "{status=\"421\",reason=\"host\"} 1", "{status=\"400\",reason=\"malformed\"} 1",
                           "{status=\"404\",reason=\"handler\"} 1", "{status=\"503\",reason=\"draining\"} 1"}) {
    EXPECT_TRUE(eventually([&] {
      const std::string metrics = RawClient(server.port()).exchange(get("/metrics")).body;
      return metrics.find(std::string("millrace_refusals_total") + line) != std::string::npos;
    })) << line;
  }
}

}  // namespace
}  // namespace millrace::test
