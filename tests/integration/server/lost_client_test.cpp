// Clients that go without a word, and clients that only do not read: the first are noticed, the others may stay.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "eventually.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

constexpr int kSmallBuffer = 4'096;
constexpr int kEvents = 3'000;

ServerOptions with_a_heartbeat_a_second() {
  ServerOptions options;
  options.streams.heartbeat = Duration{1'000};
  options.streams.unacknowledged_timeout = Duration{1'000};
  return options;
}

void with_events(Server& server) {
  server.events("/events");
}

// From now on no packet reaches the client: its machine answers nothing, as if the cable had been pulled.
void vanish(const StreamClient& client) {
  sock_filter drop_all{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &drop_all};
  ASSERT_EQ(::setsockopt(client.socket(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

// How many heartbeats another stream gets until the server has only `left` streams open.
std::size_t heartbeats_until(RunningServer& server, StreamClient& witness, std::size_t left) {
  const std::size_t before = witness.decoder().chunks();
  while (server->open_streams() > left) {
    const std::size_t chunks = witness.decoder().chunks();
    EXPECT_TRUE(witness.read_until([&](const StreamDecoder& decoder) { return decoder.chunks() > chunks; }));
    if (witness.decoder().chunks() - before > 30) break;
  }
  return witness.decoder().chunks() - before;
}

void publish_more_than_fits(Server& server) {
  for (int i = 0; i < kEvents; ++i) {
    std::string data = std::to_string(i) + ' ';
    data.resize(4'000, 'x');
    server.hub().publish("a", {.data = data}).or_throw();
  }
}

TEST(LostClient, IsNoticedWhenItIsKilled) {
  RunningServer server(with_a_heartbeat_a_second(), with_events);
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const StreamClient client(server.port(), "/events?topic=a");
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    while (true) ::pause();
  }
  ::close(ready[1]);  // so that the end of a child that fails is seen
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  StreamClient witness(server.port(), "/events?topic=b");
  ASSERT_EQ(server->open_streams(), 2u);
  ::kill(child, SIGKILL);
  EXPECT_LE(heartbeats_until(server, witness, 1), 2u);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ready[0]);
}

TEST(LostClient, IsNoticedWithinTwoHeartbeatsWhenItsMachineVanishes) {
  RunningServer server(with_a_heartbeat_a_second(), with_events);
  StreamClient witness(server.port(), "/events?topic=b");
  const StreamClient quiet(server.port(), "/events?topic=a");
  const StreamClient busy(server.port(), "/events?topic=b");
  ASSERT_EQ(server->open_streams(), 3u);
  vanish(quiet);
  vanish(busy);
  // The witness's own may come just before and just behind the two.
  EXPECT_LE(heartbeats_until(server, witness, 1), 3u);
}

TEST(LostClient, MayBeOneThatOnlyDoesNotRead) {
  RunningServer server(with_a_heartbeat_a_second(), with_events);
  StreamClient witness(server.port(), "/events?topic=b");
  StreamClient stalled(server.port(), "/events?topic=a", "", kSmallBuffer);
  const StreamClient gone(server.port(), "/events?topic=a", "", kSmallBuffer);
  publish_more_than_fits(*server);
  const auto has_chunks = [](std::size_t chunks) {
    return [chunks](const StreamDecoder& decoder) { return decoder.chunks() >= chunks; };
  };
  ASSERT_TRUE(witness.read_until(has_chunks(witness.decoder().chunks() + 5)));
  EXPECT_EQ(server->open_streams(), 3u) << "a reader that is not reading for five heartbeats";
  vanish(gone);
  // If the kernel cannot be set to probe more often (before Linux 6.15), this takes longer.
  EXPECT_LE(heartbeats_until(server, witness, 2), 5u);
  EXPECT_EQ(server->open_streams(), 2u);
  ASSERT_TRUE(stalled.read_until([](const StreamDecoder& decoder) { return decoder.events().size() >= kEvents; }));
  for (int i = 0; i < kEvents; ++i) {
    ASSERT_TRUE(stalled.decoder().events()[static_cast<std::size_t>(i)].data.starts_with(std::to_string(i) + ' '));
  }
}

}  // namespace
}  // namespace millrace::test
