// Connections: which of the demo's event streams share a connection, as all tabs of a browser do over HTTP/2.
//
// A stream is known by its `client` name, its connection by the address and port that the request for it came from.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "millrace/server/server.h"

namespace millrace::demo {

class Connections {
 public:
  /// Names that are remembered at most. Beyond it those without a stream are forgotten; a further one is not counted.
  static constexpr std::size_t kMaxClients = 1000;

  /// `server` outlives it.
  explicit Connections(const Server& server) : server_(server) {}

  /// To be called with each request for an event stream.
  void note(const httplib::Request& request);

  /// Event streams on the connection that has this client's; 0 if it is not known. Behind a proxy, the connection is
  /// the proxy's.
  std::size_t streams_beside(const std::string& client) const;

 private:
  void forget_gone();

  const Server& server_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> peers_;  // by client; guarded by mutex_
};

}  // namespace millrace::demo
