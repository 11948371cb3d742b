// NatsCluster: three nats-servers with JetStream that know of each other, on 127.0.0.1.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "nats_server.h"

namespace millrace::test {

class NatsCluster {
 public:
  static constexpr std::size_t kServers = 3;

  NatsCluster() {
    std::array<int, kServers> ports{};
    for (int& port : ports) port = free_port();
    std::string routes;
    for (const int port : ports)
      routes += (routes.empty() ? "nats://127.0.0.1:" : ", nats://127.0.0.1:") + std::to_string(port);
    for (std::size_t i = 0; i < kServers; ++i) {
      servers_[i] =
          std::make_unique<NatsServer>("server_name: n" + std::to_string(i) +
                                       "\ncluster { name: millrace, listen: 127.0.0.1:" + std::to_string(ports[i]) +
                                       ", no_advertise: true, routes: [" + routes + " ] }");
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
