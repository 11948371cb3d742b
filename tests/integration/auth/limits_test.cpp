// Reaches each bound of the fair shares; clients within the bounds notice nothing.

#include "millrace/server/limits.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ask.h"
#include "base/peer_address.h"
#include "eventually.h"
#include "millrace/server/function_authorizer.h"
#include "raw_client.h"
#include "running_server.h"
#include "shares/quota.h"
#include "shares/rate_limit.h"
#include "shares/retry_spread.h"

namespace millrace::test {
namespace {

// The header X-User names the user.
std::shared_ptr<const Authorizer> by_header() {
  return std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    return Authorizer::Decision::allow(asked.get_header_value("X-User"));
  });
}

RawClient open_stream(int port, const std::string& headers = {}) {
  RawClient stream(port);
  stream.send(request("GET", "/events?topic=a", headers));
  stream.read_until("\n\n");
  return stream;
}

void expect_retry_after(const std::string& response) {
  const int seconds = std::atoi(header_of(response, "Retry-After").c_str());
  EXPECT_GE(seconds, 1) << response;
  EXPECT_LE(seconds, 3 * 60) << response;
}

std::string publish(int port, const std::string& headers = {},
                    const std::string& body = R"({"topic":"a","data":"x"})") {
  return ask(port, request("POST", "/events", headers, body));
}

TEST(Quota, GivesEachHolderItsShareAndTakesItBack) {
  Quota quota(2);
  auto first = quota.take(Who::user("a"));
  auto second = quota.take(Who::user("a"));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(quota.take(Who::user("a")));
  EXPECT_TRUE(quota.take(Who::user("b")));
  first.reset();
  auto third = quota.take(Who::user("a"));
  EXPECT_TRUE(third);
  EXPECT_FALSE(quota.take(Who::user("a")));
}

TEST(RateLimit, AllowsABurstAndThenTheRate) {
  RateLimit limit(10, 5);
  TimePoint now{Duration{1'000}};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0}) << i;
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{100});
  EXPECT_EQ(limit.spend(Who::user("b"), 5, now), Duration{0});
  now += Duration{100};
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{100});
  now += Duration{60'000};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0}) << i;
  EXPECT_NE(limit.spend(Who::user("a"), 1, now), Duration{0});
}

TEST(RateLimit, LendsToAPublisherOfMoreThanABurst) {
  RateLimit limit(10, 5);
  TimePoint now{Duration{1'000}};
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 25, now), Duration{100});
  now += Duration{100};
  EXPECT_EQ(limit.spend(Who::user("a"), 25, now), Duration{0});
  EXPECT_EQ(limit.spend(Who::user("a"), 1, now), Duration{2'100});
}

TEST(RateLimit, ForgetsTheFullestBucketRatherThanRefuseAStranger) {
  RateLimit limit(1, 2);
  const TimePoint now{Duration{1'000}};
  // The first has taken all it may have at once, the others half of it.
  ASSERT_EQ(limit.spend(Who::user("greedy"), 2, now), Duration{0});
  for (std::size_t i = 1; i < kMaxWatchedPublishers; ++i) {
    ASSERT_EQ(limit.spend(Who::user(std::to_string(i)), 1, now), Duration{0});
  }
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(limit.spend(Who::user("stranger " + std::to_string(i)), 1, now), Duration{0}) << i;
  }
  EXPECT_EQ(limit.watched(), kMaxWatchedPublishers);
  EXPECT_EQ(limit.spend(Who::user("greedy"), 1, now), Duration{1'000}) << "the emptiest bucket is kept";
}

TEST(RetrySpread, SpreadsClientsThatWereRefusedTogether) {
  RetrySpread retry_spread(7);
  std::vector<int> seen(100);
  for (int i = 0; i < 1'000; ++i) ++seen[static_cast<std::size_t>(std::stoi(retry_spread.draw(Duration{9'500})))];
  for (std::size_t seconds = 0; seconds < seen.size(); ++seconds) {
    EXPECT_EQ(seen[seconds] > 0, seconds >= 10 && seconds <= 30) << seconds;
  }
}

TEST(Limits, TurnsAnAddressAwayThatHasItsConnections) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .shares = {.max_connections_per_address = 2}});
  RawClient stream = open_stream(running.port());
  std::deque<RawClient> idle;
  idle.emplace_back(running.port());
  RawClient refused(running.port());
  const std::string response = refused.read_to_end();
  EXPECT_EQ(status_of(response), 429) << response;
  expect_retry_after(response);
  RawClient elsewhere(running.port(), 0, "127.0.0.9");
  elsewhere.send(request("GET", "/events?topic=a"));
  EXPECT_EQ(status_of(elsewhere.read_until("\n\n")), 200);
  running->hub().publish("a", {.data = "still here"}).or_throw();
  stream.read_until("data: still here\n");
  idle.clear();
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), request("HEAD", "/events?topic=a"))) == 200; }));
}

sockaddr_storage ipv6_address(const std::string& text, int port = 0) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET6, text.c_str(), &address.sin6_addr);
  return storage;
}

TEST(Limits, TellClientsApartByTheirNetwork) {
  const auto network = [](const char* text) { return network_of(ipv6_address(text)); };
  EXPECT_EQ(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
  EXPECT_NE(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
  EXPECT_NE(network("::ffff:10.0.0.1"), network("::ffff:10.0.0.2"));
  sockaddr_storage ipv4{};
  ipv4.ss_family = AF_INET;
  inet_pton(AF_INET, "10.0.0.1", &reinterpret_cast<sockaddr_in&>(ipv4).sin_addr);
  EXPECT_EQ(network("::ffff:10.0.0.1"), network_of(ipv4));
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

TEST(Limits, TurnsEveryoneAwayWhenItsConnectionsAreTaken) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .shares = {.max_connections = 1}});
  RawClient stream = open_stream(running.port());
  RawClient refused(running.port(), 0, "127.0.0.9");
  const std::string response = refused.read_to_end();
  EXPECT_EQ(status_of(response), 503) << response;
  expect_retry_after(response);
}

TEST(Limits, RefusesAUserWithAsManyStreamsAsAllowed) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 2}, .authorizer = by_header()});
  const std::string asking = request("GET", "/events?topic=a", "X-User: ada\r\n");
  RawClient first = open_stream(running.port(), "X-User: ada\r\n");
  {
    RawClient second = open_stream(running.port(), "X-User: ada\r\n");
    const std::string refused = ask(running.port(), asking);
    EXPECT_EQ(status_of(refused), 429) << refused;
    expect_retry_after(refused);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", "X-User: bob\r\n"))), 200);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a"))), 200);
  }
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), asking)) == 200; }));
  running->hub().publish("a", {.data = "still here"}).or_throw();
  first.read_until("data: still here\n");
}

// Whichever route opens them.
TEST(Limits, CountsStreamsThatTheProgramOpensForAUser) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 1}}, [](Server& server) {
        server.Get("/mine", [&server](const httplib::Request& asked, httplib::Response& response) {
          server.subscribe(asked, response, {.topics = {"a"}, .user = asked.get_header_value("X-User")});
        });
      });
  const std::string asking = request("GET", "/mine", "X-User: ada\r\n");
  {
    RawClient first(running.port());
    first.send(asking);
    first.read_until("\n\n");
    const std::string refused = ask(running.port(), asking);
    EXPECT_EQ(status_of(refused), 429) << refused;
    expect_retry_after(refused);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/mine"))), 200);
  }
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), asking)) == 200; }));
}

// What does not come to a stream takes nothing of the share.
TEST(Limits, CountsOnlyStreamsThatAreOpen) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 1}, .authorizer = by_header()});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a", "X-User: ada\r\n"))), 200);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a*", "X-User: ada\r\n"))), 400);
  }
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", "X-User: ada\r\n"))), 200);
}

TEST(Limits, RefusesAPublisherThatIsTooFast) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .publishing = {.rate = 0.001, .burst = 3}, .authorizer = by_header()});
  RawClient stream = open_stream(running.port());
  EXPECT_EQ(status_of(publish(running.port(), "X-User: ada\r\n")), 200);
  EXPECT_EQ(status_of(publish(running.port(), "X-User: ada\r\n",
                              "{\"topic\":\"a\",\"data\":1}\n{\"topic\":\"a\",\"data\":2}\n")),
            200);
  const std::string refused = publish(running.port(), "X-User: ada\r\n");
  EXPECT_EQ(status_of(refused), 429) << refused;
  EXPECT_GE(std::atoi(header_of(refused, "Retry-After").c_str()), 900);
  EXPECT_EQ(status_of(publish(running.port(), "X-User: bob\r\n")), 200);
  EXPECT_EQ(status_of(publish(running.port())), 200);
  std::string all;
  for (int i = 0; i < 3; ++i) all += stream.read_until("data: x\n\n");
  EXPECT_NE(all.find("data: 2\n"), std::string::npos) << all;
}

// --- Clients that are slow on purpose -------------------------------------------------------------------------------

std::string upload_head() {
  return "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
}

TEST(Limits, KeepsWorkersFreeOfBodiesThatNeverCome) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1}, .publishing = {.anonymous = true}});
  std::deque<RawClient> uploads;
  for (int i = 0; i < 8; ++i) uploads.emplace_back(running.port()).send(upload_head());
  EXPECT_EQ(status_of(publish(running.port())), 200);
  EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a"))), 200);
}

TEST(Limits, GivesUpABodyThatComesTooSlowly) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1},
                         .http = {.body_deadline = Duration{300}},
                         .publishing = {.anonymous = true}});
  RawClient slow(running.port());
  slow.send(upload_head());
  RawClient next(running.port());
  next.send("POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
            std::string("18\r\n{\"topic\":\"a\",\"data\":\"x\"}\r\n0\r\n\r\n"));
  std::atomic<bool> done = false;
  std::thread drip([&] {  // more often than the read timeout would notice
    while (!done && slow.send("1\r\n \r\n")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_EQ(status_of(next.read_until("\r\n\r\n")), 200);
  done = true;
  drip.join();
  const std::string response = slow.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(response), 408) << response;
}

TEST(Limits, RefusesUploadsWhenTooManyWait) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1}, .publishing = {.anonymous = true}});
  std::deque<RawClient> uploads;
  for (std::size_t i = 0; i < kMaxWaitingUploads + 2; ++i) uploads.emplace_back(running.port()).send(upload_head());
  // One is under way, the others but one wait. Which one is refused depends on the order in which they are read.
  std::string refused;
  EXPECT_TRUE(eventually([&] {
    const auto answered =
        std::find_if(uploads.begin(), uploads.end(), [](RawClient& wire) { return wire.has_input(); });
    if (answered == uploads.end()) return false;
    refused = answered->read_until("\r\n\r\n");
    return true;
  }));
  EXPECT_EQ(status_of(refused), 503) << refused;
  expect_retry_after(refused);
  EXPECT_EQ(status_of(publish(running.port())), 200);
}

TEST(Limits, ServesOthersWhileAThousandSocketsDrip) {
  RunningServer running({.threads = {.workers = 4, .loops = 2}, .publishing = {.anonymous = true}});
  RawClient stream = open_stream(running.port());
  std::vector<RawClient> heads;
  std::vector<RawClient> bodies;
  for (int i = 0; i < 500; ++i) {
    heads.emplace_back(running.port()).send("GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX: ");
    bodies.emplace_back(running.port()).send(upload_head());
  }
  std::atomic<bool> done = false;
  std::thread drip([&] {
    while (!done) {
      for (RawClient& wire : heads) wire.send("x");
      for (RawClient& wire : bodies) wire.send("1\r\n \r\n");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(status_of(publish(running.port())), 200);
    stream.read_until("data: x\n\n");
  }
  EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a"))), 200);
  done = true;
  drip.join();
}

// --- No descriptors left -------------------------------------------------------------------------------------------

// The server in a process of its own that may have few descriptors. It prints its port.
[[noreturn]] void serve_with_few_descriptors(int out, std::size_t loops) {
  const rlim_t files = 37 + 3 * loops;  // a loop itself has three
  const rlimit few{.rlim_cur = files, .rlim_max = files};
  ::setrlimit(RLIMIT_NOFILE, &few);
  Server server({.threads = {.workers = 2, .loops = loops}, .publishing = {.anonymous = true}});
  server.events("/events");
  const std::string port = std::to_string(server.bind_to_any_port("127.0.0.1")) + "\n";
  if (::write(out, port.data(), port.size()) < 0) ::_exit(1);
  server.listen_after_bind();
  ::_exit(2);
}

class NoDescriptors : public testing::TestWithParam<std::size_t> {};

TEST_P(NoDescriptors, ServesOnWhenTheyRunOut) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to see whether an object can be read";
#endif
  int pipe_ends[2];
  ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) serve_with_few_descriptors(pipe_ends[1], GetParam());
  ::close(pipe_ends[1]);  // so that the end of a child that fails is seen
  char text[16] = {};
  ASSERT_GT(::read(pipe_ends[0], text, sizeof text - 1), 0);
  const int port = std::atoi(text);
  {
    RawClient stream = open_stream(port);
    RawClient publisher(port);
    publisher.send(request("POST", "/events", {}, R"({"topic":"a","data":"first"})"));
    stream.read_until("data: first\n\n");
    std::deque<RawClient> crowd;
    for (int i = 0; i < 60; ++i) crowd.emplace_back(port).send(request("GET", "/events?topic=a"));
    // The first clients have their streams; the others have not been accepted yet.
    crowd.front().read_until("\n\n");
    publisher.send(request("POST", "/events", {}, R"({"topic":"a","data":"second"})"));
    stream.read_until("data: second\n\n");
    crowd.front().read_until("data: second\n\n");
    // Clients that leave make room for those that wait.
    for (int i = 0; i < 40; ++i) crowd.pop_front();
    crowd.back().read_until("\n\n");
    publisher.send(request("POST", "/events", {}, R"({"topic":"a","data":"third"})"));
    stream.read_until("data: third\n\n");
    crowd.back().read_until("data: third\n\n");
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, WNOHANG), 0) << "the server has ended";
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  ::close(pipe_ends[0]);
}

INSTANTIATE_TEST_SUITE_P(OnLoops, NoDescriptors, testing::Values(1, 3));

}  // namespace
}  // namespace millrace::test
