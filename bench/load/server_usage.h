// ServerUsage: what the processes of a server have used, as the system counts it. Linux only, like the benchmark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

struct ServerUsage {
  double cpu_seconds = 0;
  std::uint64_t memory_bytes = 0;  ///< resident, each page that is shared counted in parts (PSS)
  std::size_t threads = 0;

  /// Of these processes and all that have come of them. Those that are gone count nothing.
  static ServerUsage of(const std::vector<int>& pids);
};

}  // namespace millrace::load
