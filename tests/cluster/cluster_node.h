// ClusterNode: a `millrace serve` of a cluster, and how its clients and its store are reached.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "cut_proxy.h"
#include "nats_cluster.h"
#include "program.h"
#include "raw_client.h"

namespace millrace::test {

class ClusterNode {
 public:
  ClusterNode(std::array<std::uint16_t, NatsCluster::kServers> nats, int port) : port_(port), clients_(port_of(port)) {
    for (std::size_t i = 0; i < nats.size(); ++i) {
      links_[i] = std::make_unique<CutProxy>(nats[i]);
      store_ += (i == 0 ? "nats://" : ",") + ("127.0.0.1:" + std::to_string(links_[i]->port()));
    }
    store_ += "/cluster";
    start();
  }

  void start() {
    program_ = std::make_unique<Program>(std::vector<std::string>{
        "serve", "--insecure", "--port", std::to_string(port_), "--store", store_, "--store-replicas", "3",
        "--heartbeat", "1", "--retry", "50", "--history-events", "200", "--workers", "16"});
    const std::string line = program_->read_line();
    if (!line.starts_with("millrace: listening on "))
      throw std::runtime_error("serve said: " + program_->read_error_line());
  }
  void kill() {
    program_->signal(SIGKILL);
    program_->wait();
  }
  /// No byte passes between it and NATS, and nothing says so.
  void part(bool on) {
    for (auto& link : links_) link->stall(on);
  }
  Program& program() { return *program_; }
  CutProxy& clients() { return clients_; }
  int port() const { return clients_.port(); }
  int status(const std::string& target) const {
    try {
      return RawClient(port_).exchange(get(target)).status;
    } catch (const std::exception&) {
      return 0;
    }
  }

 private:
  static std::uint16_t port_of(int port) { return static_cast<std::uint16_t>(port); }

  const int port_;
  CutProxy clients_;
  std::array<std::unique_ptr<CutProxy>, NatsCluster::kServers> links_;
  std::string store_;
  std::unique_ptr<Program> program_;
};

}  // namespace millrace::test
