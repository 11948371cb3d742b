// ServerUsage: CPU time and memory of a server's processes, as the system counts them. Linux only, like the benchmark.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

struct ServerUsage {
  double cpu_seconds = 0;
  std::uint64_t memory_bytes = 0;  ///< resident; a shared page counts in parts (PSS)
  std::size_t threads = 0;

  /// The usage of these processes and their descendants. Processes that have ended count nothing.
  static ServerUsage of(const std::vector<int>& pids);
};

}  // namespace millrace::load
