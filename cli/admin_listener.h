// AdminListener: the routes for operators on an address of their own (`millrace serve --admin-listen`).
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "debugger.h"
#include "diagnostics.h"
#include "millrace/server/server.h"

namespace millrace::cli {

/// HOST:PORT, [HOST]:PORT, or unix:PATH.
struct AdminAddress {
  std::string host;  ///< of a Unix socket: its path
  int port = 0;
  bool is_unix = false;

  /// Throws UsageError that names `option` if the text is neither.
  static AdminAddress parse(const std::string& option, const std::string& text);
};

class AdminListener {
 public:
  /// Listens there, with the routes for operators and the Diagnostics of `server`, which must outlive it. Whoever
  /// reaches the address is an administrator. With a debugger's page there are an events route on the server's log and
  /// the page, too. Throws UsageError if it cannot listen.
  AdminListener(Server& server, const AdminAddress& address, const DebuggerPage* page = nullptr);
  /// Ends it, and removes a Unix socket.
  ~AdminListener();
  AdminListener(const AdminListener&) = delete;
  AdminListener& operator=(const AdminListener&) = delete;

  void start();
  /// Where it listens: http://HOST:PORT or unix:PATH.
  std::string text() const;

 private:
  const AdminAddress address_;
  int port_ = 0;
  Diagnostics diagnostics_;
  const std::unique_ptr<Server> listener_;
  std::thread thread_;
};

}  // namespace millrace::cli
