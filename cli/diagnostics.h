// Diagnostics: what a running server says of its insides: `/debug/…`, on the address of `--admin-listen` only.
//
//   GET /debug/pprof/profile?seconds=30   a CPU profile
//   GET /debug/memory                     what holds memory
//   GET /debug/threads                    what each thread does
#pragma once

#include "cpu_profiler.h"
#include "millrace/server/server.h"

namespace millrace::cli {

class Diagnostics {
 public:
  /// Of `server`, which must outlive it.
  explicit Diagnostics(const Server& server) : server_(server) {}

  /// Adds the routes, which need the right to administer. This object must live until `listener` has stopped.
  void add_to(Server& listener);

  /// Answers a request for a profile at once, with what the profile has. Call it before `listener` stops.
  void stop() { profiler_.stop(); }

 private:
  void profile(const httplib::Request& request, httplib::Response& response);

  const Server& server_;
  CpuProfiler profiler_;
};

}  // namespace millrace::cli
