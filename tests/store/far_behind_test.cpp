// `millrace serve --store sqlite:…` or `file:…`, the process, and many subscribers that come back from far behind what
// it has in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "from_environment.h"
#include "program.h"
#include "raw_client.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

// The most memory the process has had, in KiB.
std::size_t peak_memory(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  std::size_t kilobytes = 0;
  while (status >> word) {
    if (word == "VmHWM:") status >> kilobytes;
  }
  return kilobytes;
}

class FarBehind : public ::testing::TestWithParam<std::string> {};  // the kind of the store

TEST_P(FarBehind, ManyCatchUpWithoutStallingLiveOnesOrFillingTheMemory) {
  const std::uint64_t streams = from_environment("MILLRACE_FAR_BEHIND_STREAMS", 100);
  const std::uint64_t events = from_environment("MILLRACE_FAR_BEHIND_EVENTS", 10'000);
  const TemporaryFolder folder;
  ServeProgram server(
      {"--insecure", "--store", GetParam() + ":" + folder.path("log"), "--sync", "normal", "--history-events", "100"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  RawClient publisher(port);
  const auto publish = [&publisher](const std::string& lines) {
    return publisher.exchange(post("/events", lines, "Content-Type: application/x-ndjson\r\n")).status;
  };
  for (std::uint64_t published = 0; published < events;) {
    std::string lines;
    for (int i = 0; i < 1'000 && published < events; ++i) {
      lines += R"({"topic":"old/)" + std::to_string(published % 7) + R"(","data":")" + std::to_string(published + 1) +
               std::string(100, '.') + "\"}\n";
      ++published;
    }
    ASSERT_EQ(publish(lines), 200);
  }
  const std::size_t before = peak_memory(server.program().pid());

  // They read nothing yet: what is sent to them waits in their sockets, small ones, and behind these their cursors do.
  StreamClient live(port, "/events?topic=live");
  std::vector<StreamClient> behind;
  for (std::uint64_t i = 0; i < streams; ++i) {
    behind.emplace_back(port, "/events?topic=old/*&lastEventId=earliest", "", 4'096);
  }
  std::vector<double> milliseconds;
  for (int i = 0; i < 50; ++i) {
    const std::string data = std::to_string(i);
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_EQ(publish(R"({"topic":"live","data":")" + data + "\"}"), 200);
    ASSERT_EQ(live.next_data(), data) << "while the others are behind";
    milliseconds.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  // Each keeps what it has got: it goes when it has got all.
  for (; !behind.empty(); behind.pop_back()) {
    for (std::uint64_t i = 1; i <= events; ++i) {
      ASSERT_EQ(behind.back().next_data(), std::to_string(i) + std::string(100, '.'));
    }
  }
  const std::size_t grown = peak_memory(server.program().pid()) - before;
  std::cout << streams << " streams, " << events << " events behind: " << grown
            << " KiB more memory at most; live ones within " << milliseconds[25] << " ms at p50, "
            << milliseconds.back() << " ms at most\n";
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what has been freed
  EXPECT_LT(grown, 32u * 1024) << "KiB, of which the pages on their way are 8 MiB at most";
#endif
}

INSTANTIATE_TEST_SUITE_P(Stores, FarBehind, ::testing::Values("sqlite", "file"),
                         [](const auto& store) { return store.param; });

}  // namespace
}  // namespace millrace::test
