#include "process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace millrace {

namespace {

// When the system began, in seconds since 1970.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string name; file >> name;) {
    double seconds = 0;
    if (name == "btime" && file >> seconds) return seconds;
    std::getline(file, name);
  }
  return 0;
}

// One of them is the directory's own.
std::uint64_t count_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  std::uint64_t count = 0;
  while (folder != nullptr) {
    const dirent* const entry = readdir(folder.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') ++count;
  }
  return count - std::min<std::uint64_t>(count, 1);
}

}  // namespace

// The fields after the name, which may have spaces and is in parentheses. [proc(5)]
std::optional<ProcessFigures> process_figures() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  if (!std::getline(file, text) || text.rfind(')') == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  double user = 0;
  double system = 0;
  double start = 0;
  ProcessFigures figures;
  std::uint64_t pages = 0;
  fields >> user >> system >> skipped >> skipped >> skipped >> skipped >> figures.threads >> skipped >> start >>
      figures.virtual_bytes >> pages;
  if (!fields) return std::nullopt;
  figures.cpu_seconds = (user + system) / ticks;
  figures.start_time_seconds = boot_time() + start / ticks;
  figures.resident_bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  figures.open_descriptors = count_descriptors();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_descriptors = limit.rlim_cur;
  return figures;
}

}  // namespace millrace
