// A server that may open few descriptors serves on when it has none left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <deque>
#include <string>

#include "ask.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

RawClient open_stream(int port) {
  RawClient stream(port);
  stream.send(request("GET", "/events?topic=a"));
  stream.read_until("\n\n");
  return stream;
}

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
