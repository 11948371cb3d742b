// NatsCluster: three nats-servers with JetStream that know of each other, on 127.0.0.1.
#pragma once

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "cut_proxy.h"
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

  /// What a server that is parted from the others still can.
  enum class Parted { kCompletely, kHearsOnly, kSpeaksOnly };

  /// `settings`: of each server's part on JetStream. `is_partable`: they reach one another through proxies.
  explicit NatsCluster(const std::string& settings = "", bool is_partable = false) {
    std::array<int, kServers> ports{};
    for (int& port : ports) port = free_port();
    for (std::size_t i = 0; i < kServers; ++i) {
      std::string routes;
      for (std::size_t other = 0; other < kServers; ++other) {
        int port = ports[other];
        if (is_partable && other != i) {
          ways_[i][other] = std::make_unique<CutProxy>(static_cast<std::uint16_t>(port));
          port = ways_[i][other]->port();
        }
        routes += (routes.empty() ? "nats://127.0.0.1:" : ", nats://127.0.0.1:") + std::to_string(port);
      }
      std::string cluster = "name: millrace, listen: 127.0.0.1:" + std::to_string(ports[i]) +
                            ", no_advertise: true, routes: [" + routes + " ]";
      if (is_partable) {
        // By which the others must not reach it: they have a way of their own.
        cluster += ", advertise: \"127.0.0.1:" + std::to_string(free_port()) + '"';
      }
      servers_[i] = std::make_unique<NatsServer>("server_name: n" + std::to_string(i) + "\ncluster { " + cluster + " }",
                                                 true, settings);
    }
  }

  /// No byte passes between this server and the others, or only one way; nothing says so. What is sent meanwhile
  /// arrives when it is over.
  void part(NatsServer& server, bool on, Parted how = Parted::kCompletely) {
    for (std::size_t i = 0; i < kServers; ++i) {
      for (std::size_t other = 0; other < kServers; ++other) {
        if (ways_[i][other] == nullptr) continue;
        const bool is_from_it = servers_[i].get() == &server;
        if (!is_from_it && servers_[other].get() != &server) continue;
        const bool stalls_to_server = how == Parted::kCompletely || (how == Parted::kHearsOnly) == is_from_it;
        const bool stalls_to_client = how == Parted::kCompletely || (how == Parted::kSpeaksOnly) == is_from_it;
        if (stalls_to_server) ways_[i][other]->stall(on, CutProxy::Way::kToServer);
        if (stalls_to_client) ways_[i][other]->stall(on, CutProxy::Way::kToClient);
      }
    }
  }

  NatsServer& operator[](std::size_t i) { return *servers_[i]; }
  /// The one of this name.
  NatsServer& named(const std::string& name) {
    return *servers_.at(static_cast<std::size_t>(std::stoul(name.substr(1))));
  }

 private:
  std::array<std::array<std::unique_ptr<CutProxy>, kServers>, kServers> ways_;  // from the first to the second
  std::array<std::unique_ptr<NatsServer>, kServers> servers_;
};

}  // namespace millrace::test
