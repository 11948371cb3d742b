// RunningServer: a real server on a port of its own, on 127.0.0.1, with an events route at /events.
#pragma once

#include <thread>

#include "millrace/server/server.h"

namespace millrace::testing {

class RunningServer {
 public:
  explicit RunningServer(const ServerOptions& options) : server(options) {
    server.events("/events");
    port = server.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server.listen_after_bind(); });
  }
  ~RunningServer() {
    // Asked to stop before it listens, it would listen for ever.
    while (!server.is_running()) std::this_thread::yield();
    server.stop();
    thread_.join();
  }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  Server server;
  int port;

 private:
  std::thread thread_;
};

}  // namespace millrace::testing
