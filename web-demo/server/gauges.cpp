#include "gauges.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

namespace millrace::demo {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_seconds_so_far() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Resident memory, as the kernel counts it.
std::uint64_t memory_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Gauges::Gauges(const Server& server)
    : server_(server), read_at_(std::chrono::steady_clock::now()), cpu_seconds_(cpu_seconds_so_far()) {}

DemoEvent Gauges::read(std::int64_t time) {
  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - std::exchange(read_at_, now)).count();
  const double cpu = cpu_seconds_so_far();
  Values values = metrics();
  if (before_.empty()) before_ = values;
  const auto a_second = [&](const std::string& name) {
    return elapsed > 0 ? std::round((values[name] - before_[name]) / elapsed) : 0;
  };
  const nlohmann::ordered_json gauges{
      {"n", ++count_},
      {"time", time},
      {"cpu", elapsed > 0 ? std::round((cpu - cpu_seconds_) / elapsed * 1000) / 10 : 0},
      {"memory", memory_bytes()},
      {"connections", values["millrace_connections"]},
      {"streams", values["millrace_streams"]},
      {"catchingUp", values["millrace_catching_up_subscribers"]},
      {"publishes", a_second("millrace_publishes_total")},
      {"deliveries", a_second("millrace_deliveries_total")},
      {"bytes", a_second("millrace_delivered_bytes_total")},
      {"log", values["millrace_log_bytes"]},
      {"logFull", log_fullness(values)},
  };
  cpu_seconds_ = cpu;
  before_ = std::move(values);
  return {.topic = "demo/gauges", .type = "gauges", .data = gauges.dump()};
}

int Gauges::log_fullness(const Values& values) const {
  const auto& bounds = server_.options().history;
  if (values.at("millrace_evictions_total") > 0) return 100;
  const double fullness = std::max(values.at("millrace_log_entries") / static_cast<double>(bounds.events),
                                   values.at("millrace_log_bytes") / static_cast<double>(bounds.bytes));
  return static_cast<int>(std::min(fullness * 100, 99.0));
}

Gauges::Values Gauges::metrics() const {
  Values values;
  for (const Metric& metric : server_.metrics()) {
    if (metric.samples.size() == 1) values[metric.name] = metric.samples.front().value;
  }
  return values;
}

}  // namespace millrace::demo
