// `millrace serve`, the process, where there is little memory: it refuses what does not fit, or ends with a sentence.
// It does not go on with half of an event.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "eventually.h"
#include "program.h"
#include "raw_client.h"
#include "stream_client.h"

// A sanitizer needs all of the address space for itself.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace millrace::test {
namespace {

constexpr rlim_t kHeadroom = rlim_t{64} << 20;
const std::string kJson = "Content-Type: application/json\r\n";

// From now on the process may take that much more.
void leave_it(pid_t process, rlim_t bytes) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string word;
  rlim_t kilobytes = 0;
  while (status >> word && word != "VmSize:") {
  }
  ASSERT_TRUE(status >> kilobytes);
  const rlim_t limit = kilobytes * 1024 + bytes;
  const rlimit limits{.rlim_cur = limit, .rlim_max = limit};
  ASSERT_EQ(::prlimit(process, RLIMIT_AS, &limits, nullptr), 0);
}

class MemoryLimit : public ::testing::Test {
 protected:
  explicit MemoryLimit(std::vector<std::string> options = {"--insecure", "--loops", "1", "--workers", "2",
                                                           "--history-bytes", "1000000000"})
      : server_(std::move(options)), port_(std::stoi(server_.url().substr(server_.url().rfind(':') + 1))) {}

  std::string event(int number, std::size_t bytes) const {
    return post("/events", R"({"topic":"a","data":")" + std::to_string(number) + std::string(bytes, '.') + "\"}",
                kJson);
  }

  ServeProgram server_;
  const int port_;
};

TEST_F(MemoryLimit, RefusesBodiesThatDoNotFitAndServesTheOthers) {
  StreamClient stream(port_, "/events?topic=a");
  RawClient publisher(port_);
  ASSERT_EQ(publisher.exchange(event(0, 10)).status, 200);
  leave_it(server_.program().pid(), kHeadroom);

  // Each may be 1 MiB, and all but the last byte of it comes.
  std::vector<RawClient> uploads;
  const std::string upload =
      "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + std::string(999'999, 'x');
  const auto refused = [&] {
    return std::find_if(uploads.begin(), uploads.end(), [](const RawClient& one) { return one.has_input(); });
  };
  while (uploads.size() < 200) {
    uploads.emplace_back(port_).send(upload);
  }
  ASSERT_TRUE(eventually([&] { return refused() != uploads.end(); }));
  const RawResponse response = refused()->read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "{\"error\":\"the server has no memory for this request\"}\n");
  EXPECT_GT(std::stoi(response.field("Retry-After")), 0);

  for (int i = 1; i <= 20; ++i) ASSERT_EQ(publisher.exchange(event(i, 10)).status, 200);
  for (int i = 0; i <= 20; ++i) ASSERT_EQ(stream.next_data(), std::to_string(i) + std::string(10, '.'));
  EXPECT_EQ(RawClient(port_).exchange(get("/healthz")).status, 200);

  // What they held is there again for others.
  uploads.clear();
  EXPECT_TRUE(eventually([&] { return RawClient(port_).exchange(event(21, 900'000)).status == 200; }));
  EXPECT_EQ(stream.next_data(), "21" + std::string(900'000, '.'));
}

// The log may grow to ten times what there is. Whichever runs out of memory first, a request or the log itself, a
// publisher learns of every event what has become of it, and a subscriber gets just those that were taken. A program
// whose log is what does not fit does not live on without it.
TEST_F(MemoryLimit, RefusesEventsOrEndsWhereTheLogDoesNotFit) {
  StreamClient stream(port_, "/events?topic=a");
  RawClient publisher(port_);
  ASSERT_EQ(publisher.exchange(event(0, 10)).status, 200);
  leave_it(server_.program().pid(), kHeadroom);
  constexpr std::size_t kBytes = 50'000;
  constexpr std::size_t kRefused = 10;
  std::vector<int> taken;
  std::size_t refused = 0;
  bool has_ended = false;
  for (int i = 1; i < 10'000 && refused < kRefused && !has_ended; ++i) {
    try {
      if (!publisher.send(event(i, kBytes))) throw std::runtime_error("closed");
      const RawResponse response = publisher.read_response();
      if (response.status == 200) {
        taken.push_back(i);
        continue;
      }
      ++refused;
      EXPECT_EQ(response.status, 503);
      EXPECT_EQ(response.body, "{\"error\":\"the server has no memory for this request\"}\n");
      EXPECT_GT(std::stoi(response.field("Retry-After")), 0);
      if (response.field("Connection") == "close") publisher = RawClient(port_);
    } catch (const std::exception&) {
      has_ended = true;
    }
  }
  EXPECT_TRUE(has_ended || refused == kRefused) << taken.size() << " of its events were taken";
  if (has_ended) {
    EXPECT_EQ(server_.program().wait(), 1);
    EXPECT_NE(server_.program().errors().find("millrace: out of memory"), std::string::npos)
        << server_.program().errors();
  }
  EXPECT_EQ(stream.next_data(), "0" + std::string(10, '.'));
  for (const int number : taken) {
    const auto event = stream.next();
    if (!event) break;
    ASSERT_EQ(event->data, std::to_string(number) + std::string(kBytes, '.'));
  }
  if (has_ended) {
    EXPECT_FALSE(stream.next());
  }
}

}  // namespace
}  // namespace millrace::test

#endif
