// Redirect: clear HTTP on a port of its own (`millrace serve --redirect-port`), which sends every request to https.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "millrace/server/server.h"

namespace millrace::cli {

class Redirect {
 public:
  /// To `https_port` of the host that the client has asked for. `allowed_hosts`: the only ones, where there are any.
  Redirect(int https_port, std::vector<std::string> allowed_hosts);
  /// Ends it.
  ~Redirect();
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;

  /// To be bound to its port, and then started.
  Server& server() { return server_; }
  void start();

 private:
  Server server_;
  std::thread thread_;
};

}  // namespace millrace::cli
