#include "strangers.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "socket_calls.h"

namespace millrace::load {

namespace {

constexpr int kReplayEveryMs = 1'000;

// One of the ways to match the topics' prefix: each segment itself, or a wildcard.
std::string part_of(std::string_view prefix, std::size_t way) {
  std::string part;
  while (!prefix.empty()) {
    const std::size_t end = prefix.find('/') + 1;
    part += way % 2 == 1 ? "*/" : std::string(prefix.substr(0, end));
    way /= 2;
    prefix.remove_prefix(end);
  }
  return part;
}

std::string request_of(const Load& load, std::size_t stranger, bool replays) {
  std::string request = replays ? "GET /events?lastEventId=earliest" : "GET /events?client=stranger";
  for (std::size_t i = 0; i < load.patterns; ++i) {
    // Each needs a wildcard: a plain topic would cost nothing.
    request +=
        "&topic=" + part_of(load.topic_prefix, 2 * i + 1) + "z" + std::to_string(stranger) + "." + std::to_string(i);
  }
  return request + " HTTP/1.1\r\nHost: " + load.host + "\r\n\r\n";
}

int open(const Load& load, const std::string& request) {
  const int fd = connect_to(load.server);
  if (::send(fd, request.data(), request.size(), kSendFlags) != static_cast<ssize_t>(request.size())) return -1;
  return fd;
}

bool is_answered(int fd) {
  char answer[12];
  return ::recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer &&
         std::string_view(answer, 12).ends_with("200");
}

// Never returns.
void live(const Load& load, int ready) {
  std::vector<int> idle;
  bool all = true;
  for (std::size_t i = 0; i < load.strangers && all; ++i) {
    idle.push_back(open(load, request_of(load, i, false)));
    all = idle.back() >= 0 && is_answered(idle.back());
  }
  const char answer = all ? 'y' : 'n';
  [[maybe_unused]] const auto written = ::write(ready, &answer, 1);
  while (true) {
    std::vector<int> replays;
    for (std::size_t i = 0; i < load.replays; ++i) replays.push_back(open(load, request_of(load, i, true)));
    ::poll(nullptr, 0, kReplayEveryMs);
    for (const int fd : replays) ::close(fd);
  }
}

}  // namespace

Strangers::Strangers(const Load& load) {
  if (load.strangers == 0 && load.replays == 0) return;
  int ready[2];
  if (::pipe(ready) != 0) throw std::runtime_error("cannot create a pipe");
  process_ = ::fork();
  if (process_ < 0) throw std::runtime_error("cannot create a process");
  if (process_ == 0) {
    ::close(ready[0]);
    try {
      live(load, ready[1]);
    } catch (const std::exception&) {
    }
    ::_exit(1);
  }
  ::close(ready[1]);
  char answer = 'n';
  [[maybe_unused]] const auto count = ::read(ready[0], &answer, 1);
  ::close(ready[0]);
  if (answer != 'y') throw std::runtime_error("the server refused the subscriptions of --strangers");
}

Strangers::~Strangers() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

}  // namespace millrace::load
