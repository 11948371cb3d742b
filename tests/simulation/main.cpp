// Lives through one simulated life after another: `millrace_simulation --seeds 1000`, from --from (1), or for
// --seconds, saying now and then how far it is. SIGINT and SIGTERM end it early; it says what has been lived all the
// same. The first seed that breaks a promise is run again with its steps printed; `--seed N` does that for one.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "life.h"

using namespace millrace::simulation;

namespace {

constexpr std::chrono::seconds kProgressInterval{10};

struct Arguments {
  std::uint64_t from = 1;
  std::uint64_t seeds = 1'000;
  std::uint64_t seconds = 0;  // zero: until all seeds are done
  std::uint64_t jobs = 1;
  std::optional<std::uint64_t> seed;
};

Arguments read(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = values[i];
    const std::string_view value = i + 1 < count ? values[i + 1] : "";
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool is_number = !value.empty() && failure == std::errc{} && end == value.data() + value.size();
    if (is_number && name == "--seed") {
      arguments.seed = number;
    } else if (is_number && name == "--seeds" && number > 0) {
      arguments.seeds = number;
    } else if (is_number && name == "--from") {
      arguments.from = number;
    } else if (is_number && name == "--seconds") {
      arguments.seconds = number;
    } else if (is_number && name == "--jobs" && number > 0) {
      arguments.jobs = number;
    } else {
      std::fprintf(
          stderr,
          "simulate: unknown or invalid: %s %s; expected --seeds N, --from N, --seconds N, --jobs N or --seed N\n",
          values[i], i + 1 < count ? values[i + 1] : "");
      std::exit(2);
    }
  }
  return arguments;
}

// Why the life with this seed went wrong; empty if it did not.
std::string live(std::uint64_t seed, Totals& totals) {
  Life life(seed, false);
  std::string reason;
  try {
    life.live();
  } catch (const std::exception& broken) {
    reason = broken.what();
  }
  const Totals more = life.totals();
  totals.steps += more.steps;
  totals.published += more.published;
  totals.faults += more.faults;
  totals.lives += more.lives;
  return reason;
}

int tell(std::uint64_t seed) {
  Life life(seed, true);
  std::string reason;
  try {
    life.live();
  } catch (const std::exception& broken) {
    reason = broken.what();
  }
  for (const std::string& line : life.story()) std::printf("%s\n", line.c_str());
  if (reason.empty()) {
    std::printf("seed %llu: every promise was kept\n", static_cast<unsigned long long>(seed));
    return 0;
  }
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), reason.c_str());
  return 1;
}

std::atomic<bool> g_stopped = false;  // by a signal

int live_all(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const std::uint64_t end = arguments.from + arguments.seeds;
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { g_stopped = true; });
  std::atomic<std::uint64_t> next = arguments.from;
  std::mutex mutex;
  std::condition_variable ended;
  std::uint64_t at_work = arguments.jobs;  // guarded by mutex
  std::optional<std::uint64_t> failed;     // the least of those that failed; guarded by mutex
  Totals totals;                           // guarded by mutex
  std::atomic<bool> over = false;
  const auto work = [&] {
    Totals mine;
    while (!over && !g_stopped) {
      if (arguments.seconds > 0 && elapsed() >= static_cast<double>(arguments.seconds)) break;
      const std::uint64_t seed = next++;
      if (seed >= end) break;
      const std::string reason = live(seed, mine);
      if (reason.empty()) continue;
      const std::lock_guard lock(mutex);
      if (!failed || seed < *failed) failed = seed;
      over = true;
    }
    const std::lock_guard lock(mutex);
    totals.steps += mine.steps;
    totals.published += mine.published;
    totals.faults += mine.faults;
    totals.lives += mine.lives;
    --at_work;
    ended.notify_one();
  };
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < arguments.jobs; ++i) threads.emplace_back(work);
  {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kProgressInterval, [&] { return at_work == 0; })) {
      std::printf("seed %llu, %.0f s\n", static_cast<unsigned long long>(std::min(next.load(), end)), elapsed());
      std::fflush(stdout);
    }
  }
  for (std::thread& thread : threads) thread.join();
  // Each that was begun has been lived to its end.
  std::printf("%s%llu lives, seeds %llu to %llu, in %.1f s: %llu entries published, %llu faults, %llu steps\n",
              g_stopped ? "stopped: " : "", static_cast<unsigned long long>(totals.lives),
              static_cast<unsigned long long>(arguments.from),
              static_cast<unsigned long long>(std::min(next.load(), end) - 1), elapsed(),
              static_cast<unsigned long long>(totals.published), static_cast<unsigned long long>(totals.faults),
              static_cast<unsigned long long>(totals.steps));
  if (!failed) return 0;
  tell(*failed);
  std::printf("to see it again: ./run simulate --seed %llu\n", static_cast<unsigned long long>(*failed));
  return 1;
}

}  // namespace

int main(int count, char** values) {
  const Arguments arguments = read(count, values);
  return arguments.seed ? tell(*arguments.seed) : live_all(arguments);
}
