// Readers that do not keep up: they cost a cursor, not a queue, and lose nothing in silence.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

constexpr int kEvents = 10'000;
constexpr std::size_t kEventBytes = 2'000;
constexpr int kSmallBuffer = 4'096;

std::string data_of(int number) {
  std::string data = std::to_string(number) + ' ';
  data.resize(kEventBytes, 'x');
  return data;
}

void publish_many(Server& server) {
  for (int i = 0; i < kEvents; ++i) {
    const std::string data = data_of(i);
    server.hub().publish("a", {.data = data}).or_throw();
  }
}

int number_of(const Received& event) {
  return std::stoi(event.data);
}

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  status >> total >> resident;
  return resident * 4096;
}

void with_events(Server& server) {
  server.events("/events");
}

TEST(SlowReader, GetsEverythingInOrderWhenItReadsAgain) {
  RunningServer server({}, with_events);
  StreamClient slow(server.port(), "/events?topic=a", "", kSmallBuffer);
  StreamClient quick(server.port(), "/events?topic=a");
  publish_many(*server);
  const auto has_all = [](const StreamDecoder& decoder) { return decoder.events().size() >= kEvents; };
  EXPECT_TRUE(quick.read_until(has_all)) << "the others do not wait for the slow one";
  EXPECT_TRUE(slow.read_until(has_all));
  ASSERT_EQ(slow.decoder().events().size(), kEvents);
  for (int i = 0; i < kEvents; ++i) ASSERT_EQ(slow.decoder().events()[i].data, data_of(i));
  server->hub().publish("a", {.data = "live again"}).or_throw();
  EXPECT_TRUE(slow.read_until([](const StreamDecoder& decoder) { return decoder.events().size() > kEvents; }));
}

TEST(SlowReader, GetsAGapForWhatTheLogHadToLetGo) {
  constexpr int kKept = 500;
  ServerOptions options;
  options.history.events = kKept;
  RunningServer server(options, with_events);
  StreamClient slow(server.port(), "/events?topic=a", "", kSmallBuffer);
  std::string last_id = slow.decoder().last_event_id();
  publish_many(*server);
  EXPECT_TRUE(slow.read_until([](const StreamDecoder& decoder) {
    return !decoder.events().empty() && decoder.events().back().data.starts_with(std::to_string(kEvents - 1));
  }));
  // Runs without a hole, a gap between each and the next.
  int gaps = 0;
  int next = 0;
  for (const Received& event : slow.decoder().events()) {
    if (event.type == "millrace.gap") {
      ++gaps;
      const auto gap = nlohmann::json::parse(event.data);
      EXPECT_EQ(gap["reason"], "expired");
      EXPECT_EQ(gap["lastEventId"], last_id);
      next = -1;
      continue;
    }
    ASSERT_TRUE(next < 0 || number_of(event) == next) << number_of(event) << " after " << next - 1;
    next = number_of(event) + 1;
    last_id = event.id;
  }
  EXPECT_GE(gaps, 1);
  EXPECT_EQ(next, kEvents);
}

TEST(SlowReader, ManyOfThemCostNoMemory) {
  RunningServer server({}, with_events);
  std::vector<StreamClient> stalled;
  for (int i = 0; i < 100; ++i) stalled.emplace_back(server.port(), "/events?topic=a", "", kSmallBuffer);
  [[maybe_unused]] const std::size_t before = resident_bytes();
  publish_many(*server);
  // All loops have dealt with all of it once a subscriber on each has the last event.
  StreamClient one(server.port(), "/events?topic=a&topic=end");
  StreamClient two(server.port(), "/events?topic=a&topic=end");
  server->hub().publish("end", {.data = "end"}).or_throw();
  EXPECT_EQ(one.next_data(), "end");
  EXPECT_EQ(two.next_data(), "end");
#if !defined(__SANITIZE_THREAD__)  // which keeps notes of all that is written
  // The log holds 20 MB of it. A copy for each of them would be 2 GB.
  EXPECT_LT(resident_bytes() - std::min(before, resident_bytes()), 200u * 1024 * 1024);
#endif
}

TEST(SlowReader, ThatLeavesInTheMiddleResumesWithoutLossOrRepetition) {
  RunningServer server({}, with_events);
  std::vector<int> numbers;
  std::string last_event_id = "earliest";
  publish_many(*server);
  while (numbers.size() < kEvents) {
    StreamClient stream(server.port(), "/events?topic=a", "Last-Event-ID: " + last_event_id + "\r\n", kSmallBuffer);
    const std::size_t wanted = std::min<std::size_t>(1'500, kEvents - numbers.size());
    ASSERT_TRUE(stream.read_until([&](const StreamDecoder& decoder) { return decoder.events().size() >= wanted; }));
    for (const Received& event : stream.decoder().events()) numbers.push_back(number_of(event));
    last_event_id = stream.decoder().last_event_id();
    stream.client().reset();
  }
  ASSERT_EQ(numbers.size(), kEvents);
  for (int i = 0; i < kEvents; ++i) ASSERT_EQ(numbers[i], i);
}

}  // namespace
}  // namespace millrace::test
