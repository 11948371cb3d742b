// As many streams as one process may have files for, in one pool, from the real program.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/event_source_pool.h"
#include "program.h"

namespace millrace::test {
namespace {

constexpr int kStreams = 10'000;

#if defined(__SANITIZE_THREAD__)
constexpr std::size_t kThreads = 3;  // the sanitizer begins one of its own beside the first
#else
constexpr std::size_t kThreads = 2;
#endif

std::size_t entries_of(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// Waits until a count has come so far; false if it takes too long.
bool wait_for(const std::atomic<int>& count, int wanted) {
  return eventually([&] { return count >= wanted; }, kWholeDeadline);
}

TEST(TenThousandStreams, EachGetTheEventOnTwoThreadsAndLeaveNothingBehind) {
  constexpr std::size_t kFiles = kStreams + 500;
  if (!allow_open_files(kFiles)) GTEST_SKIP() << "needs " << kFiles << " open files (ulimit -n)";
  ServeProgram server({"--insecure"});
  const std::size_t files_before = entries_of("/proc/self/fd");
  const std::size_t threads_before = entries_of("/proc/self/task");

  auto pool = std::make_unique<EventSourcePool>(EventSourcePoolOptions{.threads = 2});
  std::atomic<int> opened{0};
  std::atomic<int> received{0};
  std::atomic<int> lost{0};
  const auto count = [](std::atomic<int>& counter) { ++counter; };
  std::vector<std::unique_ptr<EventSource>> sources;
  for (int i = 0; i < kStreams; ++i) {
    auto source = std::make_unique<EventSource>(*pool, server.url() + "/events?topic=all");
    source->on_open([&] { count(opened); });
    source->on_error([&](const EventSourceError&) { ++lost; });
    source->on_message([&](const MessageEvent& event) {
      if (event.data == "hello") count(received);
    });
    source->start();
    sources.push_back(std::move(source));
  }
  ASSERT_TRUE(wait_for(opened, kStreams)) << opened << " are open";
  EXPECT_EQ(entries_of("/proc/self/task"), threads_before + kThreads);

  {
    Program publish({"publish", server.url(), "--topic", "all", "hello"});
    ASSERT_EQ(publish.wait(), 0) << publish.errors();
  }
  ASSERT_TRUE(wait_for(received, kStreams)) << received << " have the event";
  EXPECT_EQ(entries_of("/proc/self/task"), threads_before + kThreads);
  EXPECT_EQ(received, kStreams) << "each once";
  EXPECT_EQ(lost, 0);

  sources.clear();
  pool.reset();
  EXPECT_EQ(entries_of("/proc/self/fd"), files_before);
}

}  // namespace
}  // namespace millrace::test
