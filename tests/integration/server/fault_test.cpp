// Whatever clients and machines do: other streams get everything meanwhile, the server answers afterwards, and no
// connection or descriptor is left behind. docs/reliability.md says which faults are tried where.
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "running_server.h"
#include "stream_client.h"

namespace {

// How far the machine's clock has been stepped, in seconds.
std::atomic<std::time_t> g_step = 0;

}  // namespace

// In place of the C library's: a clock that can be stepped.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += g_step;
  return result;
}

namespace millrace::test {
namespace {

using namespace std::string_literals;

constexpr int kSmallBuffer = 1'024;

std::size_t open_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

// A topic with more in its history than any socket takes.
void flood(int port) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += R"({"topic":"flood","data":")" + std::string(1'000, 'f') + "\"}\n";
  RawClient publisher(port);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(publisher.exchange(post("/events", lines)).status, 200);
}

std::vector<RawClient> readers_of_the_flood(int port, int count) {
  flood(port);
  std::vector<RawClient> readers;
  for (int i = 0; i < count; ++i) {
    readers.emplace_back(port, kSmallBuffer);
    readers.back().send(get("/events?topic=flood&lastEventId=earliest"));
  }
  return readers;
}

void send_and_leave(int port, const std::vector<std::string>& texts) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    RawClient client(port);
    client.send(texts[i]);
    if (i % 2 == 0) client.reset();
  }
}

struct Fault {
  const char* name;
  void (*happen)(int port);
};

const Fault kFaults[] = {
    {"TenThousandConnectionsThatAreGoneAgain",
     [](int port) {
       for (int i = 0; i < 10; ++i) {
         std::vector<RawClient> clients;
         for (int j = 0; j < 1'000; ++j) clients.emplace_back(port, 0, "127.0.1." + std::to_string(1 + j % 50));
         for (RawClient& client : clients) client.reset();
       }
     }},
    {"ResetsInTheMiddleOfResponses",
     [](int port) {
       for (RawClient& reader : readers_of_the_flood(port, 50)) {
         reader.read_exactly(300);
         reader.reset();
       }
     }},
    {"ReadersOfSingleBytes",
     [](int port) {
       for (RawClient& reader : readers_of_the_flood(port, 5)) {
         for (int i = 0; i < 2'000; ++i) reader.read_exactly(1);
       }
     }},
    {"ReadersThatNeverRead",
     [](int port) {
       const auto readers = readers_of_the_flood(port, 100);
       flood(port);
     }},
    {"APublisherThatFloods",
     [](int port) {
       std::vector<std::thread> publishers;
       for (int i = 0; i < 4; ++i) publishers.emplace_back([port] { flood(port); });
       for (std::thread& publisher : publishers) publisher.join();
     }},
    {"HeadsAndBodiesInSingleBytes",
     [](int port) {
       std::vector<RawClient> clients;
       for (int i = 0; i < 50; ++i) clients.emplace_back(port);
       const std::string head = get("/events?topic=a");
       const std::string body = post("/events", R"({"topic":"a","data":"x"})");
       for (std::size_t at = 0; at + 1 < std::min(head.size(), body.size()); ++at) {
         for (std::size_t i = 0; i < clients.size(); ++i) clients[i].send((i % 2 == 0 ? head : body).substr(at, 1));
       }
     }},
    {"OversizeEverything",
     [](int port) {
       send_and_leave(port,
                      {"GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
                       "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
                       get("/events?topic=" + std::string(5'000, 'x')),
                       get("/events?topic=a", "Last-Event-ID: " + std::string(7'000, 'x') + "\r\n"),
                       post("/events", R"({"topic":"a","data":")" + std::string(2'000'000, 'x') + "\"}"),
                       "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n" +
                           std::string(100'000, 'x'),
                       "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n" +
                           std::string(2'000'000, 'x')});
     }},
    {"RequestsThatSmuggleOthers",
     [](int port) {
       const std::string smuggled = get("/events?topic=a");
       send_and_leave(
           port, {"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello" +
                      smuggled,
                  "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: "
                  "chunked\r\n\r\n0\r\n\r\n" +
                      smuggled,
                  "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
                  "GET /plain HTTP/1.1\r\nHost: localhost\r\nX: y\rContent-Length: 5\r\n\r\n" + smuggled,
                  "GET /plain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n" + smuggled});
     }},
    {"PipelinesThatNobodyReads",
     [](int port) {
       std::string requests;
       for (int i = 0; i < 200; ++i) requests += get("/plain");
       send_and_leave(port, std::vector<std::string>(20, requests + get("/events?topic=a") + requests));
     }},
    {"OldAndOtherMethodsOnEventPaths",
     [](int port) {
       send_and_leave(
           port, {"GET /events?topic=a HTTP/1.0\r\n\r\n", "HEAD /events?topic=a HTTP/1.0\r\n\r\n",
                  "HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "DELETE /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
                  "POST /events HTTP/1.0\r\n\r\n", "CONNECT /events HTTP/1.1\r\nHost: localhost\r\n\r\n"});
     }},
    {"BytesThatAreNoText",
     [](int port) {
       const std::string bad = "\xff\xfe\xc0\x80\xed\xa0\x80"s;
       send_and_leave(
           port,
           {"GET /events?topic=" + bad + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /events?topic=a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n"s, get("/events?topic=%00%ff"),
            get("/events?topic=a", "Last-Event-ID: " + bad + "\r\n"), get("/events?topic=a&lastEventId=%ff%00%0d%0a"),
            get("/events?topic=a", "X-\0: y\r\n"s), post("/events", R"({"topic":"a","data":")" + bad + "\"}"),
            post("/events", "{\"topic\":\"a\0\"}"s), post("/events", R"({"topic":"a","id":"\u0000","data":"x"})"),
            post("/events", R"({"topic":"a","data":"\ud800"})"), "\0\0\0\0\r\n\r\n"s});
     }},
};

class AfterAFault : public ::testing::TestWithParam<Fault> {};

TEST_P(AfterAFault, NobodyElseHasNoticedAndNothingIsLeft) {
  ServerOptions options = open_to_all();
  options.threads.workers = 4;
  options.history.events = 3'000;
  RunningServer server(options, [](Server& one) {
    one.events("/events");
    one.Get("/plain",
            [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  });
  StreamClient steady(server.port(), "/events?topic=steady");
  const std::size_t files = open_files();

  std::atomic<bool> over = false;
  std::size_t published = 0;
  std::thread publisher([&] {
    do {
      server->hub().publish("steady", {.data = std::to_string(published++)}).or_throw();
      std::this_thread::yield();
    } while (!over && published < 1'000);
  });
  GetParam().happen(server.port());
  over = true;
  publisher.join();
  server->hub().publish("steady", {.data = std::to_string(published++)}).or_throw();

  for (std::size_t i = 0; i < published; ++i) ASSERT_EQ(steady.next_data(), std::to_string(i));
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).body, "x");
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 1; })) << server->open_streams();
  EXPECT_TRUE(eventually([&] { return open_files() <= files; })) << open_files() << " instead of " << files;
}

INSTANTIATE_TEST_SUITE_P(Faults, AfterAFault, ::testing::ValuesIn(kFaults),
                         [](const auto& fault) { return std::string(fault.param.name); });

// Nothing but a token's times goes by the clock on the wall.
TEST(SteppedClock, ChangesNothingForConnectionsAndStreams) {
  ServerOptions options;
  options.streams.heartbeat = Duration{100};
  RunningServer server(options, [](Server& one) {
    one.events("/events");
    one.Get("/plain",
            [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  });
  StreamClient stream(server.port(), "/events?topic=a");
  RawClient kept(server.port());
  EXPECT_EQ(kept.exchange(get("/plain")).body, "x");
  RawClient half(server.port());
  const std::string request = get("/plain");
  half.send(request.substr(0, 10));
  constexpr std::time_t kDay = 86'400;
  for (const std::time_t step : {400 * kDay, -400 * kDay}) {
    g_step = step;
    const std::size_t before = stream.decoder().chunks();
    EXPECT_TRUE(stream.read_until([&](const StreamDecoder& decoder) { return decoder.chunks() >= before + 3; }));
    server->hub().publish("a", {.data = "x"}).or_throw();
    EXPECT_EQ(stream.next_data(), "x");
    EXPECT_EQ(kept.exchange(request).body, "x");
  }
  half.send(request.substr(10));
  EXPECT_EQ(half.read_response().body, "x");
  g_step = 0;
}

}  // namespace
}  // namespace millrace::test
