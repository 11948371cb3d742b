// RunningServer: a millrace::Server that listens on 127.0.0.1, on a port of the system's choice.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "eventually.h"
#include "millrace/server/metrics/prometheus.h"
#include "millrace/server/server.h"
#include "test_tls.h"

namespace millrace::test {

/// A certificate for localhost of the test's authority.
inline ServerTls test_tls() {
  static const TestCertificate certificate = test_authority().issue();
  return {.certificates = {{.chain = Pem::text(certificate.chain), .key = Pem::text(certificate.key)}}};
}

/// With MILLRACE_TEST_TLS in the environment servers speak TLS, and so do their RawClients.
inline ServerOptions with_tls_if_wanted(ServerOptions options) {
  if (!options.tls && std::getenv("MILLRACE_TEST_TLS") != nullptr) options.tls = test_tls();
  return options;
}

class RunningServer {
 public:
  /// `configure` adds routes before the server listens; without it there is an events route at /events.
  explicit RunningServer(
      const ServerOptions& options = {},
      const std::function<void(Server&)>& configure = [](Server& server) { server.events("/events"); })
      : server_(with_metrics(with_tls_if_wanted(options))) {
    configure(server_);
    start();
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  void start(const std::string& host = "127.0.0.1") {
    port_ = server_.bind_to_any_port(host);
    set_speaks_tls(port_, server_.options().tls.has_value());
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    if (eventually([this] { return server_.is_running(); })) return;
    stop();
    throw std::runtime_error("the server does not begin to listen");
  }

  /// Returns when listen() has.
  void stop() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }
  /// Waits for listen() to return because of someone else.
  void join() { thread_.join(); }

  Server& operator*() { return server_; }
  Server* operator->() { return &server_; }
  int port() const { return port_; }

 private:
  static ServerOptions with_metrics(ServerOptions options) {
    if (options.metrics == nullptr) options.metrics = prometheus_metrics();
    return options;
  }

  Server server_;
  int port_ = 0;
  std::thread thread_;
};

/// The ID that the server's log gives to its entry with this sequence.
inline std::string id_at(const Hub& hub, std::uint64_t sequence) {
  const std::string head = hub.cursor();
  return head.substr(0, head.rfind('-') + 1) + std::to_string(sequence);
}

/// Options under which `POST /events` publishes.
inline ServerOptions open_to_all() {
  ServerOptions options;
  options.publishing.anonymous = true;
  return options;
}

}  // namespace millrace::test
