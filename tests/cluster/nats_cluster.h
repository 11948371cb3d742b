// NatsCluster: three nats-servers with JetStream that know of each other, on 127.0.0.1.
#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "free_port.h"
#include "nats_server.h"

namespace millrace::test {

/// Major and minor version of the nats-server there is.
inline std::pair<int, int> nats_version() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> said(::popen("nats-server --version", "r"), ::pclose);
  std::pair<int, int> version{0, 0};
  if (said == nullptr || std::fscanf(said.get(), "nats-server: v%d.%d", &version.first, &version.second) != 2)
    throw std::runtime_error("nats-server does not tell its version");
  return version;
}

class NatsCluster {
 public:
  static constexpr std::size_t kServers = 3;

  /// `settings`: of each server's part on JetStream.
  explicit NatsCluster(const std::string& settings = "") {
    std::array<int, kServers> ports{};
    for (int& port : ports) port = free_port();
    std::string routes;
    for (const int port : ports)
      routes += (routes.empty() ? "nats://127.0.0.1:" : ", nats://127.0.0.1:") + std::to_string(port);
    for (std::size_t i = 0; i < kServers; ++i) {
      servers_[i] =
          std::make_unique<NatsServer>("server_name: n" + std::to_string(i) +
                                           "\ncluster { name: millrace, listen: 127.0.0.1:" + std::to_string(ports[i]) +
                                           ", no_advertise: true, routes: [" + routes + " ] }",
                                       true, settings);
    }
  }

  NatsServer& operator[](std::size_t i) { return *servers_[i]; }
  /// The one of this name.
  NatsServer& named(const std::string& name) {
    return *servers_.at(static_cast<std::size_t>(std::stoul(name.substr(1))));
  }

 private:
  std::array<std::unique_ptr<NatsServer>, kServers> servers_;
};

}  // namespace millrace::test
