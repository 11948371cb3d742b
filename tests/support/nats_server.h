// NatsServer: a real nats-server with JetStream, as a process, on 127.0.0.1; and NatsCluster, three of them.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "temporary_folder.h"

namespace millrace::test {

class NatsServer {
 public:
  /// `config` is appended to its configuration: `authorization {…}`, `cluster {…}`; `settings` to its part on
  /// JetStream.
  explicit NatsServer(const std::string& config = "", bool jetstream = true, const std::string& settings = "")
      : port_(free_port()) {
    std::ofstream file(folder_.path("config"));
    file << "listen: 127.0.0.1:" << port_ << "\n";
    if (jetstream) file << "jetstream { store_dir: \"" << store() << "\"\n" << settings << " }\n";
    file << config << "\n";
    file.close();
    start();
  }
  ~NatsServer() { kill(); }
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  int port() const { return port_; }
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url() const { return "nats://" + host(); }
  /// The folder of what it keeps.
  std::string store() const { return folder_.path("store"); }
  /// The folder of what it keeps of this stream.
  std::string store_of(const std::string& stream) const { return store() + "/jetstream/$G/streams/" + stream; }
  pid_t process() const { return process_; }

  /// Returns once it lets connections in. It has what it had before.
  void start() {
    const std::string config = folder_.path("config");
    const std::string log = folder_.path("log");
    std::vector<std::string> arguments = {"nats-server", "-c", config, "-l", log};
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const int error = ::posix_spawnp(&process_, "nats-server", nullptr, nullptr, pointers.data(), environ);
    if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start nats-server");
    if (!eventually([this] { return is_listening(); })) throw std::runtime_error("nats-server does not start");
  }
  /// At once, without a word.
  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  bool is_running() const { return process_ > 0; }
  /// Stops it without an end of its connections, as a machine that hangs; and lets it go on.
  void freeze(bool on) const { ::kill(process_, on ? SIGSTOP : SIGCONT); }
  /// Does not wait for what it does.
  void signal(int number) const { ::kill(process_, number); }

 private:
  bool is_listening() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return connected;
  }

  TemporaryFolder folder_;
  int port_;
  pid_t process_ = -1;
};

}  // namespace millrace::test
