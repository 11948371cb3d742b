// Waits until the other threads of this process have nothing to do, however slow the machine is.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "eventually.h"

namespace millrace::test {

/// Whether every other thread waits for something.
inline bool others_sleep() {
  const std::string self = std::to_string(::gettid());
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == self) continue;
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    // Behind the name, which may have anything in it. A thread that has just ended has no line.
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat.substr(name_end + 2, 1) != "S") return false;
  }
  return true;
}

/// Returns once they all do, in many looks in a row: one may wake another between two threads of a look.
inline void wait_until_others_sleep() {
  const Deadline deadline;
  for (int looks = 0; looks < 50; ++looks) {
    deadline.check([] { return "all other threads to wait for something"; });
    if (!others_sleep()) looks = 0;
    std::this_thread::yield();
  }
}

}  // namespace millrace::test
