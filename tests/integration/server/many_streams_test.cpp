// `millrace serve`, the process, with more event streams open than any thread per stream could bear.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "program.h"
#include "raw_client.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

constexpr std::size_t kStreams = 2'000;

std::size_t threads_of(pid_t process) {
  std::size_t threads = 0;
  const auto tasks = std::filesystem::path("/proc") / std::to_string(process) / "task";
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator(tasks)) ++threads;
  return threads;
}

TEST(ManyStreams, CostTheProgramNoThreadAndKeepNobodyWaiting) {
  constexpr std::size_t kFiles = kStreams + 500;
  if (!allow_open_files(kFiles)) GTEST_SKIP() << "needs " << kFiles << " open files (ulimit -n)";
  ServeProgram server({"--insecure", "--workers", "8"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  const std::string publish = post("/events", R"({"topic":"a","data":"to all"})", "Content-Type: application/json\r\n");
  RawClient ordinary(port);
  ASSERT_EQ(ordinary.exchange(publish).status, 200);
  const std::size_t threads = threads_of(server.program().pid());
  EXPECT_LT(threads, 50u);

  std::vector<RawClient> waiting;
  for (std::size_t i = 0; i < kStreams; ++i) {
    waiting.emplace_back(port);
    waiting.back().send(get("/events?topic=a&topic=end"));
  }
  std::vector<StreamClient> streams;
  for (RawClient& client : waiting) streams.emplace_back(std::move(client), "");
  EXPECT_EQ(threads_of(server.program().pid()), threads);

  for (int i = 0; i < 20; ++i) ASSERT_EQ(ordinary.exchange(get("/nowhere")).status, 404);
  ASSERT_EQ(ordinary.exchange(publish).status, 200);
  for (StreamClient& stream : streams) ASSERT_EQ(stream.next_data(), "to all");
  EXPECT_EQ(threads_of(server.program().pid()), threads);
}

}  // namespace
}  // namespace millrace::test
