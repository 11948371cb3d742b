// CrashServer: the program of crash_server.cpp, until it is killed.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "eventually.h"

extern char** environ;

namespace millrace::test {

class CrashServer {
 public:
  /// The program's arguments.
  explicit CrashServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)) { start(); }
  ~CrashServer() { kill(); }
  CrashServer(const CrashServer&) = delete;
  CrashServer& operator=(const CrashServer&) = delete;

  /// Returns when it listens.
  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = MILLRACE_CRASH_SERVER;
    std::vector<char*> all{program.data()};
    for (std::string& one : arguments_) all.push_back(one.data());
    all.push_back(nullptr);
    const int failed = ::posix_spawn(&pid_, MILLRACE_CRASH_SERVER, &actions, nullptr, all.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    char line[16];
    pollfd said{.fd = ends[0], .events = POLLIN, .revents = 0};
    const bool in_time = ::poll(&said, 1, static_cast<int>(std::chrono::milliseconds(kDeadline).count())) > 0;
    const ssize_t read = failed == 0 && in_time ? ::read(ends[0], line, sizeof line) : 0;
    ::close(ends[0]);
    if (read <= 0) throw std::runtime_error("the server does not listen");
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// It does nothing until it goes on.
  void suspend() const { ::kill(pid_, SIGSTOP); }
  void go_on() const { ::kill(pid_, SIGCONT); }

 private:
  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
};

}  // namespace millrace::test
