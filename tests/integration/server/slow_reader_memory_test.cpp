// What a reader that does not keep up costs the server in memory, counted where memory is allocated.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "counted_memory.h"
#include "eventually.h"
#include "millrace/server/limits.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

constexpr std::size_t kBacklog = 200 * 1024 * 1024;
constexpr std::size_t kEventBytes = 4'000;
constexpr std::size_t kEvents = kBacklog / kEventBytes;
constexpr std::int64_t kAllowed = 64 * 1024;

// A client that allocates nothing.
class Reader {
 public:
  explicit Reader(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int small = 4'096;
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    constexpr std::string_view kRequest =
        "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: earliest\r\n\r\n";
    EXPECT_EQ(::send(socket_, kRequest.data(), kRequest.size(), 0), static_cast<ssize_t>(kRequest.size()));
  }
  ~Reader() { ::close(socket_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Reads until `bytes` in all have come; false if nothing does for too long.
  bool read_up_to(std::size_t bytes) {
    while (read_ < bytes) {
      pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, 30'000) <= 0) return false;
      const ssize_t count = ::recv(socket_, buffer_.data(), std::min(buffer_.size(), bytes - read_), 0);
      if (count <= 0) return false;
      read_ += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int socket_;
  std::size_t read_ = 0;
  std::array<char, 32'768> buffer_;
};

TEST(SlowReaderMemory, IsUnder64KilobytesBeyondTheLogForABacklogOf200Megabytes) {
  ServerOptions options;
  options.threads.loops = 1;
  options.threads.workers = 2;
  options.history.bytes = 2 * kBacklog;
  options.streams.heartbeat = Duration{3'600'000};
  RunningServer server(options, [](Server& one) { one.events("/events"); });
  const std::string data(kEventBytes, 'x');
  for (std::size_t i = 0; i < kEvents; ++i) server->hub().publish("a", {.data = data}).or_throw();
  {
    Reader warm_up(server.port());  // what is allocated once, for the first client
    ASSERT_TRUE(warm_up.read_up_to(1)) << "it has been served before it goes";
  }
  ASSERT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  // Loop and worker are idle when nothing has changed between two looks at the loop's own state.
  ASSERT_TRUE(eventually([&] { return server->subscriptions().empty(); }));

  const std::int64_t before = live_bytes();
  forget_peak();
  Reader reader(server.port());
  for (int part = 1; part <= 20; ++part) {
    ASSERT_TRUE(reader.read_up_to(kBacklog * static_cast<std::size_t>(part) / 20));
    EXPECT_LT(live_bytes() - before, kAllowed) << "while it does not read, " << part << " twentieths in";
  }
  EXPECT_LT(peak_bytes() - before, kAllowed) << "at any moment";
  EXPECT_EQ(server->open_streams(), 1u);
}

// Each has been sent a part of another event, and none of them reads: so all of these events stay, long after the log
// has let them go.
TEST(SlowReaderMemory, OfManyThatNeverReadIsBoundedForAllTogether) {
  constexpr std::size_t kBytes = 1'000'000;
  constexpr int kReaders = 250;
  ServerOptions options = open_to_all();
  options.threads.loops = 2;
  options.threads.workers = 2;
  RunningServer server(options, [](Server& one) { one.events("/events").operations(); });
  RawClient keeps_up(server.port());
  keeps_up.send(get("/events?topic=a"));
  keeps_up.read_until("\n\n\r\n");
  const std::string data(kBytes, 'x');
  const std::int64_t before = live_bytes();
  std::vector<RawClient> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back(server.port()).send(get("/events?topic=a"));
    ASSERT_TRUE(eventually([&] { return readers.back().has_input(); }));
    server->hub().publish("a", {.data = data}).or_throw();
    ASSERT_GT(keeps_up.read_until("\n\n\r\n").size(), kBytes) << "a client that reads is not cut";
  }
  constexpr std::size_t kOnTheWay = 16 * kBytes;  // in queues of the loops, and what this test holds
  constexpr auto kMost = static_cast<std::int64_t>(kHistoryBytes + kMaxPinnedBytes + kOnTheWay);
  EXPECT_TRUE(eventually([&] { return live_bytes() - before < kMost; })) << live_bytes() - before;

  const std::string metrics = RawClient(server.port()).exchange(get("/metrics")).body;
  const auto value = [&](const std::string& name) {
    const std::size_t at = metrics.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(metrics.substr(at + 2 + name.size()));
  };
  EXPECT_LE(value("millrace_pinned_bytes"), static_cast<double>(kMaxPinnedBytes));
  EXPECT_GT(value("millrace_pinned_bytes"), static_cast<double>(kMaxPinnedBytes / 2));
  EXPECT_GT(value("millrace_cut_subscribers_total"), kReaders / 4);

  // The one that was furthest behind is among them; its stream has no end, so that it comes back.
  EXPECT_FALSE(readers.front().read_to_end().ends_with("0\r\n\r\n"));
}

}  // namespace
}  // namespace millrace::test
