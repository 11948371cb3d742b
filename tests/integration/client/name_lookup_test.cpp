// Looking up names, in a network of the test's own, whose name server says what the test wants, or nothing.

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "collector.h"
#include "millrace/client/event_source.h"
#include "millrace/client/event_source_pool.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";

/// Answers names that begin with `here` with 127.0.0.1, does not answer names that begin with `silent`, and denies all
/// else.
class NameServer {
 public:
  NameServer() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(53);
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot be a name server");
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~NameServer() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

  Collector asked;  ///< each name, once for each family

 private:
  void serve() {
    while (true) {
      char message[512];
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got = recvfrom(socket_, message, sizeof message, 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0) return;
      std::string name;
      std::size_t at = 12;
      for (; message[at] != 0; at += 1 + static_cast<std::size_t>(message[at])) {
        name += (name.empty() ? "" : ".") + std::string(message + at + 1, static_cast<std::size_t>(message[at]));
      }
      const bool wants_ipv4 = message[at + 2] == 1;
      asked.add(name);
      if (name.starts_with("silent")) continue;
      const bool found = name.starts_with("here");
      std::string answer(message, at + 5);
      answer[2] = '\x81';
      answer[3] = found ? '\x80' : '\x83';
      for (std::size_t i = 6; i < 12; ++i) answer[i] = 0;
      if (found && wants_ipv4) {
        answer[7] = 1;
        answer.append("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01", 16);
      }
      sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  int socket_;
  std::thread thread_;
};

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

constexpr int kNoNetworks = 77;

bool make_own_network() {
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  char resolv_conf[] = "/tmp/millrace-resolv-XXXXXX";
  const int file = mkstemp(resolv_conf);
  constexpr std::string_view kServers = "nameserver 127.0.0.1\n";
  const bool made = control >= 0 && ioctl(control, SIOCSIFFLAGS, &loopback) == 0 && file >= 0 &&
                    write(file, kServers.data(), kServers.size()) == static_cast<ssize_t>(kServers.size()) &&
                    mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    mount(resolv_conf, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
  unlink(resolv_conf);
  return made;
}

/// Runs `body` in a process and a network of its own; that process fails if it takes too long.
void in_own_network(void (*body)(NameServer&)) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
      unsetenv(name);
    }
    if (!make_own_network()) _exit(kNoNetworks);
    {
      NameServer server;
      body(server);
    }
    std::fflush(stdout);
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNoNetworks) GTEST_SKIP() << "this system lets users make no networks of their own";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

std::string url(const std::string& host, std::uint16_t port) {
  return "http://" + host + ":" + std::to_string(port) + "/events";
}

TEST(NameLookup, FindsAHostOnceForSeveralAttempts) {
  in_own_network([](NameServer& names) {
    ScriptedServer server([](Peer& peer, int attempt) {
      EXPECT_EQ(header_of(peer.read_request(), "Host").substr(0, 10), "here.test:");
      peer.send(attempt < 3 ? std::string(kStreamHead) + "retry: 1\ndata: x\n\n" : std::string(kNoContent));
    });
    EventSource source(url("Here.test", server.port()));
    Collector collector(source);
    source.run();
    EXPECT_EQ(server.attempts(), 3);
    EXPECT_EQ(names.asked.lines(), (Lines{"here.test", "here.test"})) << "once for each family";
  });
}

TEST(NameLookup, SaysThatThereIsNoSuchHost) {
  in_own_network([](NameServer&) {
    EventSource source("http://nowhere.test/");
    Lines errors;
    source.on_error([&](const EventSourceError& error) {
      errors.emplace_back(error.message);
      source.close();
    });
    source.run();
    EXPECT_EQ(errors, Lines{"cannot find host \"nowhere.test\""});
  });
}

TEST(NameLookup, IsPartOfTheTimeThatConnectingMayTake) {
  in_own_network([](NameServer&) {
    EventSourceOptions options;
    options.connect_timeout = Duration{50};
    EventSource source("http://silent.test/", std::move(options));
    Lines errors;
    source.on_error([&](const EventSourceError& error) {
      errors.emplace_back(error.message);
      source.close();
    });
    source.run();
    EXPECT_EQ(errors, Lines{"no connection to silent.test:80 within 50 ms"});
  });
}

TEST(NameLookup, UnderWayIsEndedByClosingAndHasNoThreadToOutliveTheSource) {
  in_own_network([](NameServer& names) {
    const std::size_t threads_before = threads_of_this_process();
    auto source = std::make_unique<EventSource>("http://silent.test/", EventSourceOptions{});
    source->start();
    ASSERT_TRUE(names.asked.wait_for(1));
    EXPECT_EQ(threads_of_this_process(), threads_before + 1) << "the source's own";
    source->restart();  // asks anew
    ASSERT_TRUE(names.asked.wait_for(3));
    EXPECT_EQ(threads_of_this_process(), threads_before + 1);
    source.reset();
  });
}

TEST(NameLookup, TakesNoThreadForManySourcesEither) {
  in_own_network([](NameServer& names) {
    EventSourcePool pool;
    const std::size_t threads = threads_of_this_process();
    std::vector<std::unique_ptr<EventSource>> sources;
    for (int i = 0; i < 100; ++i) {
      sources.push_back(std::make_unique<EventSource>(pool, "http://silent" + std::to_string(i) + ".test/"));
      sources.back()->start();
    }
    ASSERT_TRUE(names.asked.wait_for(100));
    EXPECT_EQ(threads_of_this_process(), threads);
  });
}

TEST(NameLookup, LeavesTheHostToTheProxyAndFindsTheProxy) {
  in_own_network([](NameServer& names) {
    ScriptedServer proxy([](Peer& peer, int) {
      peer.read_request();
      peer.send(kNoContent);
    });
    const std::string port = std::to_string(proxy.port());
    EventSourceOptions options;
    options.proxy = "http://here-proxy.test:" + port;
    EventSource("http://elsewhere.test/", std::move(options)).run();
    EXPECT_EQ(names.asked.lines(), (Lines{"here-proxy.test", "here-proxy.test"}));

    setenv("http_proxy", ("here-other:" + port).c_str(), 1);
    EventSource("http://elsewhere.test/").run();
    setenv("http_proxy", ("127.0.0.1:" + port).c_str(), 1);
    EventSource("http://elsewhere.test/").run();
    EXPECT_EQ(proxy.attempts(), 3);
    for (const std::string& name : names.asked.lines()) EXPECT_TRUE(name.starts_with("here-")) << name;
  });
}

}  // namespace
}  // namespace millrace::test
