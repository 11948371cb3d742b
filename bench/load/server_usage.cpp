#include "server_usage.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace millrace::load {

namespace {

// The number after `name` in a file of lines such as `Threads:  4`; 0 if it is missing.
std::uint64_t field_in(const std::string& file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::stoull(line.substr(name.size()));
  }
  return 0;
}

std::vector<int> with_children(std::vector<int> pids) {
  for (std::size_t i = 0; i < pids.size(); ++i) {
    std::error_code gone;
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pids[i]) + "/task", gone);
    for (const auto& task : tasks) {
      std::ifstream children(task.path() / "children");
      for (int child = 0; children >> child;) pids.push_back(child);
    }
  }
  return pids;
}

}  // namespace

ServerUsage ServerUsage::of(const std::vector<int>& pids) {
  ServerUsage usage;
  for (const int pid : with_children(pids)) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/";
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &used) == 0) {
      usage.cpu_seconds += static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
    }
    usage.memory_bytes += field_in(folder + "smaps_rollup", "Pss:") * 1024;
    usage.threads += field_in(folder + "status", "Threads:");
  }
  return usage;
}

}  // namespace millrace::load
