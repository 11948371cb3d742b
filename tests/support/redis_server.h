// RedisServer: a real Redis, as a process of its own, on 127.0.0.1.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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

  /// Files in PEM: its own, and the authority that its clients trust.
  struct Tls {
    std::string certificate;
    std::string key;
    std::string authority;
  };

  /// `settings` as on its command line; `environment` as NAME=VALUE. Keeps nothing on its disk unless they say so.
  explicit RedisServer(std::vector<std::string> settings = {}, std::vector<std::string> environment = {},
                       std::optional<Tls> tls = {})
      : settings_(std::move(settings)), environment_(std::move(environment)), tls_(std::move(tls)), port_(free_port()) {
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
    return (tls_ ? "rediss://" : "redis://") + (user.empty() ? "" : user + "@") + "127.0.0.1:" + std::to_string(port_);
  }
  RedisAddress address() const {
    RedisAddress address = RedisAddress::parse(url());
    if (tls_) address.ca_file = tls_->authority;
    return address;
  }

  /// Returns once it answers. It has what it had before, as far as its settings say so.
  void start() {
    spawn();
    if (!eventually([this] { return answers(); })) throw std::runtime_error("Redis does not start");
  }
  /// Starts it, and does not wait.
  void spawn() {
    std::vector<std::string> command = {"redis-server",     "--port",    tls_ ? "0" : std::to_string(port_),
                                        "--bind",           "127.0.0.1", "--dir",
                                        folder(),           "--save",    "",
                                        "--daemonize",      "no",        "--logfile",
                                        folder_.path("log")};
    command.insert(command.end(), settings_.begin(), settings_.end());
    if (tls_) {
      command.insert(command.end(),
                     {"--tls-port", std::to_string(port_), "--tls-cert-file", tls_->certificate, "--tls-key-file",
                      tls_->key, "--tls-ca-cert-file", tls_->authority, "--tls-auth-clients", "no"});
    }
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
      const bool refuses_certificate =
          std::string_view(error.what()).find("certificate is refused") != std::string::npos;
      return error.code() == "NOAUTH" || refuses_certificate;
    }
  }

  TemporaryFolder folder_;
  std::vector<std::string> settings_;
  std::vector<std::string> environment_;
  std::optional<Tls> tls_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace millrace::test
