// Connections: which of the demo's event streams share a connection, as all tabs of a browser do over HTTP/2.
//
// A stream is identified by its `client` name, and its connection by the address and port of its request.
#pragma once

#include <httplib.h>

#include <cstddef>
#include <map>
#include <string>

#include "millrace/server/server.h"
#include "mutex.h"

namespace millrace::demo {

class Connections {
 public:
  /// Most names that are kept. Beyond it, names without a stream are forgotten; further names are not counted.
  static constexpr std::size_t kMaxClients = 1000;

  /// `server` must outlive it.
  explicit Connections(const Server& server) : server_(server) {}

  /// Call it with each request for an event stream.
  void note(const httplib::Request& request);

  /// The number of event streams on this client's connection; 0 if it is unknown. Behind a proxy, the connection is the
  /// proxy's.
  std::size_t streams_beside(const std::string& client) const;

 private:
  void forget_gone() REQUIRES(mutex_);

  const Server& server_;
  mutable Mutex mutex_;
  std::map<std::string, std::string> peers_ GUARDED_BY(mutex_);  // by client
};

}  // namespace millrace::demo
