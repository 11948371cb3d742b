// Gauges: the server's own figures, read once a second from its `/metrics` and from the kernel.
//
// Published as events of type `gauges` on `demo/gauges`: {"n","time","cpu","memory","connections","streams",
// "catchingUp","publishes","deliveries","bytes"}. cpu is in percent of one core, memory in bytes, the last three are a
// second's.
#pragma once

#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "publication.h"

namespace millrace::demo {

class Gauges {
 public:
  /// `host` and `port`: where the server listens.
  Gauges(const std::string& host, int port);

  /// Asks the server, which takes a moment; to be called about once a second. What cannot be had stands still.
  Publication read(std::int64_t time);

 private:
  using Values = std::map<std::string, double>;

  Values metrics();

  httplib::Client client_;
  std::chrono::steady_clock::time_point read_at_;
  double cpu_seconds_;
  Values before_;
  std::uint64_t count_ = 0;
};

}  // namespace millrace::demo
