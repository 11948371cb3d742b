// What Redis makes of a write that a crash has cut: at the start after the next one, the first part of it comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "redis_node.h"
#include "redis_server.h"

namespace millrace::test {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string append_only_file(const RedisServer& server) {
  for (const auto& file : std::filesystem::directory_iterator(server.folder() + "/appendonlydir")) {
    if (file.path().string().ends_with(".incr.aof")) return file.path().string();
  }
  throw std::runtime_error("Redis has no append-only file");
}

// Where the commands of the transaction begin that Redis wrote last.
std::vector<std::size_t> last_transaction(const RedisServer& server) {
  std::ifstream file(append_only_file(server), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::size_t> commands;
  for (std::size_t at = text.rfind("*1\r\n$5\r\nMULTI\r\n"); at != std::string::npos;) {
    commands.push_back(at);
    const std::size_t next = text.find("\r\n*", at);
    at = next == std::string::npos ? next : next + 2;
  }
  return commands;
}

void restart(RedisServer& server) {
  server.kill();
  server.start();
}

class CutLog {
 public:
  // Four events at most, and one more that is retained beyond them.
  CutLog() {
    Node node = open();
    node.publish({.topic = "b", .event = {.data = "held", .id = "held"}, .retain = true});
    node.publish("a", "1", "id1");
    node.publish("a", "2", "id2");
    node.publish("a", "3", "id3");
    node.publish("a", "4", "id4");
    // In one script: it appends, replaces what is retained, and drops the oldest.
    const std::array<Topic, 1> further = {"b"};
    node.publish({.topic = "a", .further_topics = further, .event = {.data = "cut", .id = "cut"}, .retain = true});
  }

  RedisServer& server() { return server_; }
  Node open() { return Node("log", {.events = 4}, server_.url()); }

  // Redis is killed while it writes this command of its last transaction. False if there are fewer.
  bool cut(std::size_t command) {
    server_.kill();
    const std::vector<std::size_t> commands = last_transaction(server_);
    if (command >= commands.size()) return false;
    std::filesystem::resize_file(append_only_file(server_), commands[command] + 3);
    server_.start();
    return true;
  }

 private:
  RedisServer server_{RedisServer::durable()};
};

std::vector<std::string> retained_of(Node& node, const char* topic) {
  std::vector<std::string> data;
  const TopicFilter filter({TopicPattern::parse(topic).value()});
  for (const LogEntry& entry : node->read_newest(0, node->head(), filter, EventStore::Topics::kAll).entries) {
    data.push_back(data_of(entry));
  }
  return data;
}

TEST(RedisStore, DropsWhatComesBackOfAWriteThatACrashHasCut) {
  std::size_t command = 1;
  for (;; ++command) {
    SCOPED_TRACE("in command " + std::to_string(command));
    CutLog log;
    if (!log.cut(command)) break;
    {
      Node node = log.open();
      EXPECT_THAT(node.data(), ElementsAre("1", "2", "3", "4"));
      EXPECT_NE(node.publish("a", "5", "id5"), 0u);
    }
    for (int start = 2; start <= 3; ++start) {
      restart(log.server());
      Node node = log.open();
      EXPECT_THAT(node.data(), ElementsAre("2", "3", "4", "5")) << "start " << start;
      EXPECT_EQ(node->statistics().entries, 4u);
    }
    Node node = log.open();
    EXPECT_EQ(node.publish("a", "again", "id5"), 0u) << "its IDs are known";
    EXPECT_THAT(retained_of(node, "a"), ElementsAre("5"));
    EXPECT_THAT(retained_of(node, "b"), ElementsAre("held"));
    EXPECT_NE(node.publish("b", "cut", "cut"), 0u) << "nobody was told that it is in the log";
    EXPECT_THAT(retained_of(node, "b"), ElementsAre("cut"));
  }
  EXPECT_GT(command, 10u);
}

// The oldest can be missing, as if it had been one event too many; nothing else.
TEST(RedisStore, KeepsWhatIsNotOfAWriteThatACrashHasCut) {
  for (const std::size_t command : {2, 8, 12, 15}) {
    SCOPED_TRACE("in command " + std::to_string(command));
    CutLog log;
    ASSERT_TRUE(log.cut(command));
    { const Node unused = log.open(); }
    restart(log.server());
    Node node = log.open();
    EXPECT_THAT(node.data(), AnyOf(ElementsAre("1", "2", "3", "4"), ElementsAre("2", "3", "4")));
    EXPECT_EQ(node->statistics().entries, node.data().size());
    EXPECT_THAT(retained_of(node, "b"), ElementsAre("held"));
  }
}

TEST(RedisStore, MendsALargeLogInPartsTogetherWithOtherServers) {
  RedisServer server(RedisServer::durable());
  constexpr std::size_t kEvents = 2'500;
  {
    Node node("log", {}, server.url());
    const std::vector<Publication> events(kEvents, Publication{.topic = "a", .event = {.data = "x"}});
    std::vector<std::uint64_t> sequences(kEvents);
    node->append(events, sequences);
    node.publish("a", "cut");
  }
  server.kill();
  std::filesystem::resize_file(append_only_file(server), last_transaction(server)[3] + 3);
  server.start();
  { EXPECT_NE(Node("log", {}, server.url()).publish("a", "after"), 0u); }
  restart(server);
  constexpr int kServers = 3;
  std::array<std::size_t, kServers> counts{};
  std::vector<std::thread> servers;
  for (std::size_t& count : counts) {
    servers.emplace_back([&server, &count] { count = Node("log", {}, server.url()).entries().size(); });
  }
  for (std::thread& one : servers) one.join();
  EXPECT_THAT(counts, Each(kEvents + 1));
}

// A write that only drops entries is cut.
TEST(RedisStore, KeepsWhatAWriteHasNotDroppedThatACrashHasCut) {
  for (const std::size_t command : {2, 4, 5, 7}) {
    SCOPED_TRACE("in command " + std::to_string(command));
    RedisServer server(RedisServer::durable());
    {
      Node node("log", {}, server.url());
      for (int i = 1; i <= 4; ++i) node.publish("a", std::to_string(i));
    }
    // A server with another bound drops them when it comes.
    {
      const Node node("log", {.events = 2}, server.url());
      EXPECT_TRUE(eventually([&] { return number(server, {"XLEN", "{log}:events"}) == 2; }));
    }
    server.kill();
    std::filesystem::resize_file(append_only_file(server), last_transaction(server)[command] + 3);
    server.start();
    { EXPECT_THAT(Node("log", {}, server.url()).data(), ElementsAre("1", "2", "3", "4")); }
    restart(server);
    Node node("log", {}, server.url());
    const std::vector<std::string> data = node.data();
    EXPECT_EQ(data.back(), "4");
    EXPECT_GE(data.size(), 2u);
    EXPECT_EQ(node->statistics().entries, data.size());
  }
}

TEST(RedisStore, DoesNotMendALogThatAnotherProgramHasChanged) {
  CutLog log;
  ASSERT_TRUE(log.cut(5));
  { const Node unused = log.open(); }
  run(log.server(), {"XTRIM", "{log}:events", "MAXLEN", "0"});
  restart(log.server());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(refusal_to_open(log.server().url(), {.name = "log"}), HasSubstr("keys of the log were changed"));
  }
}

}  // namespace
}  // namespace millrace::test
