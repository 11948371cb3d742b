// The store in Redis, on a real server: several servers on one log, and what survives when Redis is killed or loses its
// power.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "millrace/server/stores/redis.h"
#include "redis_node.h"
#include "redis_server.h"
#include "stores/redis/redis_connection.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- Several servers ------------------------------------------------------------------------------------------------

TEST(RedisStore, IsOneLogForSeveralServers) {
  const std::string name = new_name();
  Node one(name);
  Node two(name);
  EXPECT_EQ(one->epoch(), two->epoch());
  EXPECT_EQ(one.publish("a", "1", "id"), 1u);
  EXPECT_TRUE(two->catch_up(1));
  EXPECT_EQ(two.publish("a", "again", "id"), 0u) << "an ID is the log's, not the server's";
  EXPECT_EQ(two.publish("a", "2"), 2u);
  EXPECT_TRUE(eventually([&] { return one.has("2"); }));
  EXPECT_FALSE(one->catch_up(3));
  Node late(name);
  EXPECT_THAT(late.data(), ElementsAre("1", "2"));
  Node other(new_name());
  EXPECT_EQ(other->head(), 0u) << "another name is another log";
}

TEST(RedisStore, HandsOverTheSameOrderOnAllServers) {
  const std::string name = new_name();
  Node one(name);
  Node two(name);
  constexpr std::size_t kEach = 100;
  std::vector<std::thread> publishers;
  for (Node* node : {&one, &two}) {
    for (int p = 0; p < 2; ++p) {
      publishers.emplace_back([node] {
        for (std::size_t i = 0; i < kEach; ++i) EXPECT_NE(node->publish("a", std::to_string(i)), 0u);
      });
    }
  }
  for (std::thread& publisher : publishers) publisher.join();
  for (Node* node : {&one, &two}) {
    EXPECT_TRUE(eventually([&] { return node->entries().size() >= 4 * kEach; }));
    const std::vector<LogEntry> entries = node->entries();
    for (std::size_t i = 0; i < entries.size(); ++i) ASSERT_EQ(entries[i].sequence, i + 1) << "a hole, or out of order";
  }
  EXPECT_EQ(one.data(), two.data());
}

TEST(RedisStore, KeepsEventsByteForByteAsSubscribersGotThem) {
  const std::string name = new_name();
  Node node(name);
  node.publish("a", std::string("\0\r\n1\n2", 6));
  node.publish({.topic = "a", .event = {.type = "id: x-1", .data = "typed"}});
  node.publish("a", "named", "order-1");
  Node again(name);
  ASSERT_EQ(again.entries().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again.entries()[i].payload, node.entries()[i].payload);
}

// --- What survives --------------------------------------------------------------------------------------------------

TEST(RedisStore, LosesNothingAcknowledgedWhereRedisIsKilled) {
  RedisServer server(RedisServer::durable());
  std::mt19937 random(std::random_device{}());
  Acknowledged acknowledged;
  {
    Node node("log", {}, server.url());
    EXPECT_EQ(node->durability(), Durability::kDisk);
    for (int round = 0; round < 3; ++round) {
      publish_until_killed(node, acknowledged, random, [&] { server.kill(); });
      EXPECT_FALSE(node->status().is_accepting());
      server.start();
      EXPECT_TRUE(is_accepting_again(node));
    }
  }
  Node again("log", {}, server.url());
  EXPECT_EQ(lost_of(acknowledged, again), 0u);
}

// Cuts what Redis appends to where it was last synced.
std::size_t lose_unsynced(const RedisServer& server, const std::string& noted_sizes) {
  std::size_t lost = 0;
  for (const auto& file : std::filesystem::directory_iterator(server.folder() + "/appendonlydir")) {
    if (!file.path().string().ends_with(".incr.aof")) continue;
    std::uintmax_t synced = 0;
    std::ifstream(noted_sizes + "/" + file.path().filename().string()) >> synced;
    lost += file.file_size() - synced;
    std::filesystem::resize_file(file.path(), synced);
  }
  return lost;
}

// Publishes until the power is cut; what was acknowledged and is lost.
std::size_t lost_at_a_power_cut(const std::string& appendfsync, Durability promised) {
  const TemporaryFolder sizes;
  std::filesystem::create_directory(sizes.path("sizes"));
  RedisServer server(
      {"--appendonly", "yes", "--appendfsync", appendfsync},
      {std::string("LD_PRELOAD=") + MILLRACE_SYNCED_SIZES_LIBRARY, "MILLRACE_SYNCED_SIZES=" + sizes.path("sizes")});
  std::mt19937 random(std::random_device{}());
  Acknowledged acknowledged;
  std::size_t lost_bytes = 0;
  {
    Node node("log", {}, server.url());
    EXPECT_EQ(node->durability(), promised);
    publish_until_killed(node, acknowledged, random, [&] {
      server.kill();
      lost_bytes = lose_unsynced(server, sizes.path("sizes"));
    });
    server.start();
    const std::uint64_t next = publish_again(node, "after");
    EXPECT_FALSE(acknowledged.contains(next)) << "a sequence that was given before";
    acknowledged[next] = "after";
  }
  Node again("log", {}, server.url());
  const std::size_t lost = lost_of(acknowledged, again);
  EXPECT_TRUE(lost == 0 || lost_bytes > 0);
  return lost;
}

TEST(RedisStore, LosesNothingAcknowledgedAsOnTheDiskAtAPowerCut) {
  for (int round = 0; round < 3; ++round) EXPECT_EQ(lost_at_a_power_cut("always", Durability::kDisk), 0u);
}

// Shows that the power cut of the test above is one.
TEST(RedisStore, LosesAtAPowerCutWhatItDoesNotPromise) {
  EXPECT_GT(lost_at_a_power_cut("everysec", Durability::kMemory), 0u);
}

TEST(RedisStore, GivesNoSequenceTwiceWhereRedisHasForgotten) {
  RedisServer server;
  Node node("log", {}, server.url());
  for (int i = 0; i < 5; ++i) node.publish("a", "x");
  const std::string epoch = node->epoch();
  server.kill();
  server.start();
  const std::uint64_t after_restart = publish_again(node, "y");
  EXPECT_GT(after_restart, 5u);
  EXPECT_EQ(node->epoch(), epoch) << "clients still resume";
  EXPECT_EQ(node->oldest(), after_restart);
  run(server, {"FLUSHALL"});
  EXPECT_TRUE(eventually([&] { return number(server, {"EXISTS", "{log}:log"}) == 1; })) << "the log begins anew";
  EXPECT_GT(publish_again(node, "z"), after_restart);
  EXPECT_EQ(node.entries().back().sequence, node->head());
}

// Another that has nothing in memory of what was lost does not give its numbers either.
TEST(RedisStore, PassesOverNumbersThatMayBeLostAfterARestart) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  { EXPECT_EQ(Node("log", {}, server.url()).publish("a", "kept"), 1u); }
  server.kill();
  server.start();
  Node node("log", {}, server.url());
  EXPECT_THAT(node.data(), ElementsAre("kept"));
  EXPECT_GT(node.publish("a", "x"), 1'000'000'000u);
  EXPECT_EQ(node->read_after(1, everything()).entries.size(), 1u);
}

// --- Levels and bounds ----------------------------------------------------------------------------------------------

TEST(RedisStore, PromisesWhatRedisIsSetTo) {
  const auto level = [](const std::vector<std::string>& settings, const std::string& warning) {
    const RedisServer server(settings);
    const auto store = open_redis(server.url());
    EXPECT_THAT(store->warnings(), ElementsAre(HasSubstr(warning)));
    return store->durability();
  };
  EXPECT_EQ(level({}, "appendonly is no"), Durability::kMemory);
  EXPECT_EQ(level({"--appendonly", "yes"}, "appendfsync is everysec"), Durability::kMemory);
  EXPECT_EQ(level({"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"},
                  "no-appendfsync-on-rewrite is yes"),
            Durability::kProcess);
  EXPECT_EQ(level({"--appendonly", "yes", "--appendfsync", "always", "--rename-command", "CONFIG", ""},
                  "appendfsync is unknown"),
            Durability::kMemory);
  EXPECT_EQ(level({"--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "100mb", "--maxmemory-policy",
                   "allkeys-lru"},
                  "can evict the log"),
            Durability::kMemory);
  const RedisServer durable(RedisServer::durable());
  Node changing("log", {}, durable.url());
  EXPECT_EQ(changing->durability(), Durability::kDisk);
  EXPECT_THAT(changing->warnings(), ElementsAre());
  run(durable, {"CONFIG", "SET", "appendfsync", "everysec"});
  EXPECT_TRUE(eventually([&] { return changing->durability() == Durability::kMemory; })) << "it asks again";
}

TEST(RedisStore, DropsWhatIsTooOldOrTooMuch) {
  const std::string name = new_name();
  Node node(name, {.bytes = 1'000});
  for (int i = 0; i < 30; ++i) node.publish("a", std::string(100, 'x'), i == 3 ? EventId("id") : EventId());
  EXPECT_LE(node->statistics().bytes, 1'000u);
  EXPECT_GT(node->oldest(), 20u);
  EXPECT_EQ(node.publish("a", std::string(5'000, 'y')), 31u);
  EXPECT_TRUE(eventually([&] { return node->oldest() == 31u; })) << "the newest stays, however large it is";
  Node short_lived(name, {.bytes = std::nullopt, .age = Duration{1}});
  EXPECT_TRUE(eventually([&] { return short_lived->oldest() == 32u; }));
  EXPECT_EQ(short_lived->head(), 31u);
  const std::vector<RedisWords> counts = {{"XLEN", "events"}, {"ZCARD", "topics"}, {"ZCARD", "finishes"},
                                          {"ZCARD", "ids"},   {"HLEN", "newest"},  {"HLEN", "retained"}};
  for (const RedisWords& count : counts) {
    EXPECT_EQ(number(redis(), {count[0], "{" + name + "}:" + count[1]}), 0u) << count[1];
  }
}

}  // namespace
}  // namespace millrace::test
