// Gauges: the server's own figures, read once a second from Server::metrics() and from the kernel.
//
// Published as events of type `gauges` on `demo/gauges`: {"n","time","cpu","memory","connections","streams",
// "catchingUp","publishes","deliveries","bytes","log","logFull"}. cpu is in percent of one core, and memory in bytes;
// publishes, deliveries and bytes are per second; log is the bytes of the events in memory, and logFull their share of
// the bounds in percent: 100 as soon as the oldest events are dropped.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "demo_event.h"
#include "millrace/server/server.h"

namespace millrace::demo {

class Gauges {
 public:
  /// `server` must outlive it.
  explicit Gauges(const Server& server);

  /// Call it about once a second.
  DemoEvent read(std::int64_t time);

 private:
  using Values = std::map<std::string, double>;

  Values metrics() const;
  int log_fullness(const Values& values) const;

  const Server& server_;
  std::chrono::steady_clock::time_point read_at_;
  double cpu_seconds_;
  Values before_;
  std::uint64_t count_ = 0;
};

}  // namespace millrace::demo
