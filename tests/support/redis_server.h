// RedisServer: a real Redis, as a process of its own, on 127.0.0.1.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "stores/redis/redis_connection.h"
#include "temporary_folder.h"

namespace millrace::test {

class RedisServer {
 public:
  /// What makes Redis write each event to its disk before it answers.
  static std::vector<std::string> durable() { return {"--appendonly", "yes", "--appendfsync", "always"}; }

  /// `settings` as on its command line; `environment` as NAME=VALUE. Keeps nothing on its disk unless they say so.
  explicit RedisServer(std::vector<std::string> settings = {}, std::vector<std::string> environment = {})
      : settings_(std::move(settings)), environment_(std::move(environment)), port_(free_port()) {
    std::filesystem::create_directory(folder());
    start();
  }
  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }
  /// The folder of its files.
  std::string folder() const { return folder_.path("data"); }
  std::string url(const std::string& user = "") const {
    return "redis://" + (user.empty() ? "" : user + "@") + "127.0.0.1:" + std::to_string(port_);
  }
  RedisAddress address() const { return RedisAddress::parse(url()); }

  /// Returns once it answers. It has what it had before, as far as its settings say so.
  void start() {
    spawn();
    if (!eventually([this] { return answers(); })) throw std::runtime_error("Redis does not start");
  }
  /// Starts it, and does not wait.
  void spawn() {
    std::vector<std::string> command = {"redis-server",     "--port",    std::to_string(port_),
                                        "--bind",           "127.0.0.1", "--dir",
                                        folder(),           "--save",    "",
                                        "--daemonize",      "no",        "--logfile",
                                        folder_.path("log")};
    command.insert(command.end(), settings_.begin(), settings_.end());
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    std::vector<char*> variables;
    for (std::string& variable : environment_) variables.push_back(variable.data());
    for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
    variables.push_back(nullptr);
    const int error = ::posix_spawnp(&process_, "redis-server", nullptr, nullptr, arguments.data(), variables.data());
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start redis-server");
  }
  /// At once, without a word.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  /// Stops it without an end of its connections, as a machine that hangs; and lets it go on.
  void freeze(bool on) const { ::kill(process_, on ? SIGSTOP : SIGCONT); }

 private:
  bool answers() const {
    try {
      RedisConnection(address()).run({"PING"});
      return true;
    } catch (const RedisError& error) {
      return error.code() == "NOAUTH";
    }
  }

  TemporaryFolder folder_;
  std::vector<std::string> settings_;
  std::vector<std::string> environment_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace millrace::test
