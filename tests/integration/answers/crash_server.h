// CrashServer: the program of crash_server.cpp, until it is killed.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "progress.h"

extern char** environ;

namespace millrace::test {

class CrashServer {
 public:
  /// The program's arguments.
  explicit CrashServer(std::vector<std::string> arguments) : arguments_(std::move(arguments)) { start(); }
  ~CrashServer() { kill(); }
  CrashServer(const CrashServer&) = delete;
  CrashServer& operator=(const CrashServer&) = delete;

  /// Returns when it listens, however slow the machine is. Throws if it ends before, or does nothing for kDeadline.
  void start() {
    const int output = spawn();
    char line[16];
    const bool has_moved = wait_while_working(output, pid_);
    const ssize_t read = has_moved ? ::read(output, line, sizeof line) : 0;
    ::close(output);
    if (read > 0) return;
    kill();
    throw std::runtime_error(has_moved ? "the server has ended before it listened"
                                       : "the server neither listens nor uses any processor time");
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  /// Whether it has ended by itself.
  bool has_ended() const {
    siginfo_t end{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != 0;
  }
  /// It does nothing until it goes on.
  void suspend() const { ::kill(pid_, SIGSTOP); }
  void go_on() const { ::kill(pid_, SIGCONT); }

 private:
  // Returns the end of a pipe with its output.
  int spawn() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = MILLRACE_CRASH_SERVER;
    std::vector<char*> all{program.data()};
    for (std::string& one : arguments_) all.push_back(one.data());
    all.push_back(nullptr);
    const int error = ::posix_spawn(&pid_, MILLRACE_CRASH_SERVER, &actions, nullptr, all.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error == 0) return ends[0];
    ::close(ends[0]);
    pid_ = -1;
    throw std::system_error(error, std::generic_category(), "cannot start " MILLRACE_CRASH_SERVER);
  }

  std::vector<std::string> arguments_;
  pid_t pid_ = -1;
};

}  // namespace millrace::test
