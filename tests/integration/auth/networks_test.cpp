// Clients in IPv6 networks, each of which counts as one client.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "running_server.h"

namespace millrace::test {
namespace {

sockaddr_storage ipv6_address(const std::string& text, int port = 0) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET6, text.c_str(), &address.sin6_addr);
  return storage;
}

// A refused client gets the reason before it has sent a request.
bool is_turned_away(int client) {
  pollfd waiting{.fd = client, .events = POLLIN, .revents = 0};
  return ::poll(&waiting, 1, 0) > 0;
}

constexpr int kNoNetworks = 77;

// In a network of its own, whose loopback has several addresses. The exit code says what went wrong.
[[noreturn]] void connect_from_two_networks() {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(kNoNetworks);
  const int control = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  if (control < 0 || ::ioctl(control, SIOCSIFFLAGS, &loopback) != 0) ::_exit(kNoNetworks);
  const std::vector<std::string> addresses{"fd00:0:0:1::1", "fd00:0:0:1::2", "fd00:0:0:1::3", "fd00:0:0:2::1"};
  for (const std::string& text : addresses) {
    in6_ifreq added{};
    added.ifr6_addr =
        reinterpret_cast<const sockaddr_in6&>(static_cast<const sockaddr_storage&>(ipv6_address(text))).sin6_addr;
    added.ifr6_prefixlen = 64;
    added.ifr6_ifindex = 1;
    if (::ioctl(control, SIOCSIFADDR, &added) != 0) ::_exit(kNoNetworks);
  }
  RunningServer running({.threads = {.workers = 1, .loops = 1}, .shares = {.max_connections_per_address = 2}});
  running.stop();
  running.start("::");
  std::vector<int> clients;
  for (const std::string& text : addresses) {
    const int client = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_storage from = ipv6_address(text);
    const sockaddr_storage to = ipv6_address(addresses.front(), running.port());
    // The system looks an address over for a moment before it can be used.
    const auto has_address = [&] {
      return ::bind(client, reinterpret_cast<const sockaddr*>(&from), sizeof(sockaddr_in6)) == 0;
    };
    if (!eventually(has_address)) ::_exit(1);
    if (::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(sockaddr_in6)) != 0) ::_exit(2);
    clients.push_back(client);
  }
  // They are accepted in order: when the third has its answer, those before it would have theirs.
  if (!eventually([&] { return is_turned_away(clients[2]); })) ::_exit(3);
  if (is_turned_away(clients[0]) || is_turned_away(clients[1])) ::_exit(4);
  const std::string asking = request("GET", "/events?topic=a");
  if (::send(clients[3], asking.data(), asking.size(), 0) < 0) ::_exit(5);
  std::array<char, 4096> answer{};
  if (::recv(clients[3], answer.data(), answer.size() - 1, 0) <= 0) ::_exit(6);
  ::_exit(status_of(answer.data()) == 200 ? 0 : 7);
}

TEST(Limits, CountAnIpv6NetworkAsOneClient) {
  const pid_t child = ::fork();
  if (child == 0) connect_from_two_networks();
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoNetworks) GTEST_SKIP() << "this system lets users make no networks of their own";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace millrace::test
