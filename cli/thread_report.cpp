#include "thread_report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace millrace::cli {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string_view describe(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'S':
      return "sleeping";
    case 'D':
      return "waiting for a disk";
    case 'T':
    case 't':
      return "stopped";
    case 'Z':
    case 'X':
      return "ended";
    default:
      return "idle";
  }
}

// The fields of /proc/…/stat after the name, which may have spaces and is in parentheses. [proc(5)]
struct Stat {
  std::string name;
  char state = '?';
  double user_seconds = 0;
  double system_seconds = 0;
};

std::optional<Stat> read_stat(const fs::path& folder) {
  std::ifstream file(folder / "stat");
  std::string text;
  if (!std::getline(file, text, '\0') && text.empty()) return std::nullopt;
  const std::size_t begin = text.find('(');
  const std::size_t end = text.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  Stat stat{.name = text.substr(begin + 1, end - begin - 1)};
  std::istringstream fields(text.substr(end + 1));
  std::string skipped;
  fields >> stat.state;
  for (int i = 4; i < 14; ++i) fields >> skipped;
  fields >> stat.user_seconds >> stat.system_seconds;
  if (!fields) return std::nullopt;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  stat.user_seconds /= ticks;
  stat.system_seconds /= ticks;
  return stat;
}

struct Switches {
  std::uint64_t voluntary = 0;
  std::uint64_t involuntary = 0;
};

Switches read_switches(const fs::path& folder) {
  std::ifstream file(folder / "status");
  Switches switches;
  for (std::string name; file >> name;) {
    if (name == "voluntary_ctxt_switches:") file >> switches.voluntary;
    if (name == "nonvoluntary_ctxt_switches:") file >> switches.involuntary;
  }
  return switches;
}

// Nothing if the thread has ended.
std::optional<Json> report_on(int number, const fs::path& folder) {
  const auto stat = read_stat(folder);
  if (!stat) return std::nullopt;
  const Switches switches = read_switches(folder);
  return std::make_optional(Json{{"id", number},
                                 {"name", stat->name},
                                 {"state", describe(stat->state)},
                                 {"userSeconds", stat->user_seconds},
                                 {"systemSeconds", stat->system_seconds},
                                 {"voluntarySwitches", switches.voluntary},
                                 {"involuntarySwitches", switches.involuntary}});
}

}  // namespace

std::optional<Json> thread_report() {
  const fs::path tasks = "/proc/self/task";
  std::error_code failure;
  std::vector<int> numbers;
  for (fs::directory_iterator task(tasks, failure), end; !failure && task != end; task.increment(failure)) {
    numbers.push_back(std::stoi(task->path().filename().string()));
  }
  if (numbers.empty()) return std::nullopt;
  std::sort(numbers.begin(), numbers.end());
  const std::size_t more = numbers.size() - std::min(numbers.size(), kMaxReportedThreads);
  numbers.resize(numbers.size() - more);
  Json threads = Json::array();
  for (const int number : numbers) {
    if (auto thread = report_on(number, tasks / std::to_string(number))) threads.push_back(std::move(*thread));
  }
  return std::make_optional(Json{{"threads", std::move(threads)}, {"more", more}});
}

}  // namespace millrace::cli
