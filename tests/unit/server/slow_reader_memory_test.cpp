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

#include "counted_memory.h"
#include "eventually.h"
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
  options.loops = 1;
  options.workers = 2;
  options.history_bytes = 2 * kBacklog;
  options.heartbeat = Duration{3'600'000};
  RunningServer server(options, [](Server& one) { one.events("/events"); });
  const std::string data(kEventBytes, 'x');
  for (std::size_t i = 0; i < kEvents; ++i) server->hub().publish("a", {.data = data});
  { const Reader warm_up(server.port()); }  // whatever is made once, for the first client
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

}  // namespace
}  // namespace millrace::test
