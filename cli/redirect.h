// Redirect: clear HTTP on a port of its own (`millrace serve --redirect-port`), which sends every request to https.
#pragma once

#include <string>
#include <thread>
#include <vector>

#include "millrace/server/server.h"

namespace millrace::cli {

class Redirect {
 public:
  /// Redirects to `https_port` of the requested host; if `allowed_hosts` is not empty, only for these hosts.
  Redirect(int https_port, std::vector<std::string> allowed_hosts);
  /// Stops the server.
  ~Redirect();
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;

  /// The server, to be bound to its port and then started.
  Server& server() { return server_; }
  void start();

 private:
  Server server_;
  std::thread thread_;
};

}  // namespace millrace::cli
