// What is left in memory of connections that are gone, counted where memory is allocated.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "counted_memory.h"
#include "eventually.h"
#include "millrace/core/owned.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kConnections = 10'000;  // each takes many times as long
#else
constexpr int kConnections = 100'000;
#endif
constexpr int kAtOnce = 500;

const std::string kJson = "Content-Type: application/json\r\n";

std::ptrdiff_t open_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return std::distance(begin(files), end(files));
}

// A server that runs may still be opening what it needs; once it has answered, all of it is open, and the connection
// has two more.
std::ptrdiff_t files_of_a_server_at_rest(int port) {
  RawClient client(port);
  EXPECT_EQ(client.exchange(get("/healthz")).status, 200);
  return open_files() - 2;
}

// A connection of each kind there is, with a filter of its own if it has one, and gone again. The client resets it, so
// that its port is free at once.
void come(RawClient& client, int number) {
  switch (number % 7) {
    case 0:
      return;  // without a word
    case 1:
      client.send("GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX: ");
      return;
    case 2:
      client.send(get("/events?topic=a&client=me&topic=b/" + std::to_string(number) + "/**"));
      client.read_until("\n\n");
      return;
    case 3:
      EXPECT_EQ(client.exchange(get("/healthz")).status, 200);
      return;
    case 4:
      EXPECT_EQ(client.exchange(post("/events", R"({"topic":"a","data":"1","id":"own"})", kJson)).status, 200);
      return;
    case 5:
      EXPECT_EQ(client.exchange("GET /events\r\n\r\n").status, 400);
      return;
    default:
      client.send("POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n" +
                  std::string(80'000, 'x'));
      return;
  }
}

// All of them have come before the first goes, and the server has let go of the last before it returns: so what is held
// at most is the same each time.
void come_and_go(int port, int first, std::ptrdiff_t files) {
  {
    std::vector<RawClient> clients;
    clients.reserve(kAtOnce);
    for (int i = 0; i < kAtOnce; ++i) come(clients.emplace_back(port), first + i);
    for (RawClient& client : clients) client.reset();
  }
  ASSERT_TRUE(eventually([&] { return open_files() == files; }));
}

TEST(ConnectionMemory, IsGivenBackOverAHundredThousandConnections) {
  ServerOptions options = open_to_all();
  options.threads.loops = 1;
  options.threads.workers = 2;
  options.history.events = 100;
  RunningServer server(options, [](Server& one) { one.events("/events").operations(); });
  const std::ptrdiff_t files = files_of_a_server_at_rest(server.port());
  // What is made once: for a thread's first request of a kind, and for as many connections as come at once.
  constexpr int kBefore = 10 * kAtOnce;
  for (int i = 0; i < kBefore; i += kAtOnce) come_and_go(server.port(), i, files);
  const std::int64_t before = live_bytes();
  for (int i = kBefore; i < kBefore + kConnections && !HasFatalFailure(); i += kAtOnce) {
    come_and_go(server.port(), i, files);
  }
  // The loop's list of those that went in one turn keeps what it has grown to, and they may all go in one. Nothing else
  // is kept; an object lost with each connection would be megabytes.
  constexpr std::int64_t kListOfATurn = 2 * kAtOnce * sizeof(void*);
  EXPECT_TRUE(eventually([&] { return live_bytes() <= before + kListOfATurn; }))
      << before << " bytes before, " << live_bytes() << " after";
  EXPECT_EQ(server->open_streams(), 0u);
  std::cout << before << " bytes before, " << live_bytes() << " after\n";
}

// Topics of one request that have as many segments as fit.
std::string deep_topics(int number) {
  std::string topics;
  for (int i = 0; i < 7; ++i) {
    std::string pattern = (i > 0 ? "&topic=*/" : "topic=*/") + std::to_string(number) + "." + std::to_string(i);
    topics += pattern.append(1'000 - pattern.size(), '/');
  }
  return topics;
}

TEST(ConnectionMemory, OfAStreamIsAFewTimesTheBytesOfItsPatternsHoweverManySegmentsTheyHave) {
  constexpr int kStreams = 50;
  ServerOptions options = open_to_all();
  options.threads.loops = 1;
  RunningServer server(options);
  std::vector<RawClient> clients;
  clients.reserve(2 * kStreams);
  const auto open = [&] {
    for (int i = 0; i < kStreams; ++i) {
      RawClient& client = clients.emplace_back(server.port());
      client.send(get("/events?" + deep_topics(static_cast<int>(clients.size()))));
      client.read_until("\n\n");
    }
  };
  open();  // also what is made once
  const std::int64_t before = live_bytes();
  open();
  EXPECT_LT((live_bytes() - before) / kStreams, 16 * 7'000);
}

// A publisher must not be able to fill the memory with events that count little.
TEST(ConnectionMemory, OfTheLogIsBoundedAlsoForEventsOfManyTopics) {
  constexpr std::size_t kBytes = 4 * 1024 * 1024;
  ServerOptions options = open_to_all();
  options.history = {.events = 100'000, .bytes = kBytes};
  RunningServer server(options);
  const std::int64_t before = live_bytes();
  for (int event = 0; event < 20'000; ++event) {
    std::vector<OwnedTopic> topics;
    for (std::size_t i = 0; i < kMaxTopicsPerEvent; ++i) {
      topics.push_back(OwnedTopic::parse(std::to_string(event) + "." + std::to_string(i)).value());
    }
    const std::vector<Topic> views(topics.begin(), topics.end());
    const std::string id = "id-" + std::to_string(event);
    server->hub().publish(views, {.data = "x", .id = EventId::parse(id).value()}).or_throw();
  }
  EXPECT_LT(live_bytes() - before, std::int64_t{4 * kBytes});
}

}  // namespace
}  // namespace millrace::test
