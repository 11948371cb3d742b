// What the streams of open_stream() cost in memory whose clients do not read, counted where memory is allocated.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdint>
#include <iostream>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "counted_memory.h"
#include "eventually.h"
#include "millrace/server/limits.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

TEST(RequestStreamMemory, OfAThousandThatAreNotReadIsBoundedForAllTogether) {
  constexpr std::size_t kStreams = 1'000;
  constexpr int kEvents = 15;  // just under the bound of each
  std::mutex mutex;
  std::vector<EventStream> streams;
  ServerOptions options = open_to_all();
  options.threads.loops = 2;
  RunningServer server(options, [&](Server& one) {
    one.events("/events").operations();
    // The system keeps little: what is not read waits in the server.
    one.set_socket_options([](socket_t socket) {
      constexpr int kSmall = 4'096;
      ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof kSmall);
    });
    one.Get("/stream", [&](const httplib::Request& request, httplib::Response& response) {
      EventStream stream = one.open_stream(request, response);
      const std::lock_guard lock(mutex);
      streams.push_back(std::move(stream));
    });
  });
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < kStreams; ++i) clients.emplace_back(server.port(), 4'096).send(get("/stream"));
  // A stream is open before its handler has put it there.
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return streams.size() == kStreams && server->open_streams() == kStreams;
  }));

  const std::string data(64 * 1024, 'x');
  const std::int64_t before = live_bytes();
  forget_peak();
  for (const EventStream& stream : streams) {
    for (int i = 0; i < kEvents && stream.send({.data = data}); ++i) continue;
  }
  constexpr std::size_t kOnTheWay = 4 * kMaxStreamBufferBytes;  // of the one that is being sent to
  constexpr auto kMost =
      static_cast<std::int64_t>(kMaxBufferedBytes / 2 + kStreams * kUncountedBufferBytes + kOnTheWay);
  EXPECT_LT(peak_bytes() - before, kMost);
  std::cout << peak_bytes() - before << " bytes at most\n";

  std::size_t cut = 0;
  for (const EventStream& stream : streams) {
    if (stream.is_open()) continue;
    EXPECT_EQ(stream.end(), EventStreamEnd::kNoBufferSpace) << sentence_of(stream.end());
    ++cut;
  }
  EXPECT_GT(cut, kStreams / 2);
  std::string metrics;
  EXPECT_TRUE(eventually([&] {
    metrics = RawClient(server.port()).exchange(get("/metrics")).body;
    return metrics.find("millrace_cut_streams_total{reason=\"no_buffer_space\"} " + std::to_string(cut) + "\n") !=
           std::string::npos;
  })) << metrics;
  EXPECT_NE(metrics.find("millrace_cut_streams_total{reason=\"too_slow\"} 0\n"), std::string::npos);

  const std::string publish = R"({"topic":"a","data":")" + std::string(900'000, 'y') + "\"}";
  EXPECT_EQ(RawClient(server.port()).exchange(post("/events", publish, "Content-Type: application/json\r\n")).status,
            200)
      << "requests have their own half";
}

}  // namespace
}  // namespace millrace::test
