// What becomes of the store in Redis when Redis hangs, is full, refuses or is not as it should be: on a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "millrace/server/stores/redis.h"
#include "redis_node.h"
#include "redis_server.h"
#include "running_server.h"
#include "scripted_outlet.h"
#include "started_store.h"
#include "stores/redis/redis_connection.h"
#include "stream_client.h"
#include "test_tls.h"

namespace millrace::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisStore, HangsNoPublisherWhileRedisHangs) {
  RedisServer server;
  Node node("log", {}, server.url());
  node.publish("a", "before");
  server.freeze(true);
  EXPECT_THAT(node.refusal("a", "while it hangs"), HasSubstr("no answer in time"));
  server.freeze(false);
  EXPECT_TRUE(is_accepting_again(node));
  const std::uint64_t after = node.publish("a", "after");
  EXPECT_EQ(node.entries().back().sequence, after);
  // What Redis did once it went on is in the log; its publisher does not know.
  EXPECT_EQ(node.entries().size(), after);
}

TEST(RedisStore, SaysWhyItCannotBeOpened) {
  const auto refusal = [](const std::string& url) { return refusal_to_open(url); };
  EXPECT_THAT(refusal("mysql://x"), HasSubstr("open_redis(url): the scheme is not redis:// or rediss://"));
  EXPECT_THAT(refusal("redis://a:26379,b:26379"), HasSubstr("Sentinel is not supported"));
  EXPECT_THAT(refusal("redis://"), HasSubstr("the host is missing"));
  EXPECT_THAT(refusal("redis://h:0"), HasSubstr("the port is not a number from 1 to 65535"));
  EXPECT_THAT(refusal("redis://h:"), HasSubstr("the port is not a number from 1 to 65535"));
  EXPECT_THAT(refusal("redis://h/events"), HasSubstr("the database is not a number"));
  EXPECT_THAT(refusal("redis://[::1"), HasSubstr("no closing bracket"));
  EXPECT_THAT(refusal("redis://:sec%ret@h"), AllOf(HasSubstr("write %25 for %"), Not(HasSubstr("ret"))));
  EXPECT_THAT(refusal("redis://:secret@127.0.0.1:" + std::to_string(free_port())),
              AllOf(HasSubstr("cannot connect to Redis"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal_to_open(redis().url(), {.name = "a b"}), HasSubstr("RedisOptions::name"));
  EXPECT_THAT(refusal_to_open(redis().url(), {.bounds = {.age = Duration{0}}}), HasSubstr("RedisOptions::bounds.age"));
  EXPECT_THAT(refusal_to_open(redis().url() + "/99"), HasSubstr("out of range"));
}

// A certificate for these names, and what is needed to trust it, in files.
class TlsFiles {
 public:
  explicit TlsFiles(const TestAuthority::Wish& wish = {}) {
    const TestCertificate made = test_authority().issue(wish);
    std::ofstream(server_.certificate) << made.chain;
    std::ofstream(server_.key) << made.key;
    std::ofstream(server_.authority) << test_authority().certificate();
  }
  const RedisServer::Tls& server() const { return server_; }
  const std::string& authority() const { return server_.authority; }

 private:
  TemporaryFolder folder_;
  const RedisServer::Tls server_{folder_.path("cert.pem"), folder_.path("key.pem"), folder_.path("ca.pem")};
};

TEST(RedisStore, SpeaksTls) {
  const TlsFiles files;
  RedisServer server(RedisServer::durable(), {}, files.server());
  const auto open = [&] { return open_redis(server.url(), {.ca_file = files.authority()}); };
  StartedStore one(open());
  StartedStore other(open());
  const std::string large(300'000, 'x');
  ASSERT_EQ(one.publish("a", large), 1U);
  ASSERT_EQ(one.publish("a", "small"), 2U);
  EXPECT_TRUE(eventually([&] { return other.data() == std::vector<std::string>{large, "small"}; }));
  EXPECT_EQ(other->read_after(0, *filter_for({"a"})).entries.size(), 1U) << "a page is full with it";
  server.kill();
  server.start();
  EXPECT_TRUE(eventually([&] {
    try {
      return one.publish("a", "again") > 2U;
    } catch (const StoreUnavailable&) {
      return false;
    }
  }));
}

TEST(RedisStore, SaysWhyTlsFails) {
  const TlsFiles files;
  const TlsFiles foreign({.names = {"DNS:redis.example"}});
  const RedisServer server({}, {}, files.server());
  const RedisServer with_other_name(
      {}, {}, RedisServer::Tls{foreign.server().certificate, foreign.server().key, foreign.server().authority});
  EXPECT_THAT(refusal_to_open(server.url()), AllOf(HasSubstr("the certificate is refused"), HasSubstr("--store-ca")));
  EXPECT_THAT(refusal_to_open(with_other_name.url(), {.ca_file = files.authority()}), HasSubstr("mismatch"));
  EXPECT_THAT(refusal_to_open(server.url(), {.ca_file = "/nowhere.pem"}), HasSubstr("\"/nowhere.pem\" cannot be read"));
  const std::string without_tls = "rediss" + redis().url().substr(5);
  EXPECT_THAT(refusal_to_open(without_tls), HasSubstr("TLS with Redis failed"));
  EXPECT_THAT(refusal_to_open(redis().url(), {.ca_file = files.authority()}), HasSubstr("RedisOptions::ca_file"));
}

TEST(RedisStore, SaysThatItsPasswordOrRightsAreWrong) {
  const RedisServer server({"--requirepass", "p@ss"});
  EXPECT_THAT(refusal_to_open(server.url()), HasSubstr("Redis asks for a password"));
  EXPECT_THAT(refusal_to_open(server.url(":wrong")),
              AllOf(HasSubstr("refuses the user or the password"), Not(HasSubstr("wrong"))));
  EXPECT_THAT(refusal_to_open(server.url(":p%40ss")), HasSubstr("it was opened"));
  EXPECT_THAT(refusal_to_open(server.url("default:p@ss")), HasSubstr("it was opened"));
  RedisConnection admin(RedisAddress::parse(server.url(":p@ss")));
  admin.run({"ACL", "SETUSER", "reader", "on", ">x", "~*", "&*", "+@all", "-zadd"});
  EXPECT_THAT(refusal_to_open(server.url("reader:x"), {.name = "rights"}),
              HasSubstr("does not let this user run a command"));
  EXPECT_EQ(admin.run({"EXISTS", "{rights}:events"}).number(), 0u) << "it was half made";
  // The rights that docs/operations.md names are enough.
  admin.run({"ACL", "SETUSER", "millrace", "on", ">x", "~{least}:*", "&{least}:news", "+@stream", "+@hash",
             "+@sortedset", "+@scripting", "+@connection", "+del", "+publish", "+subscribe", "+info", "+config|get"});
  Node node("least", {.events = 1}, server.url("millrace:x"));
  node.publish({.topic = "a", .event = {.data = "x", .id = "1"}, .retain = true});
  EXPECT_EQ(node.publish({.topic = "a", .kind = Publication::Kind::kFinish}), 2u);
}

TEST(RedisStore, RefusesKeysThatAreNotItsOwn) {
  run(redis(), {"SET", "{taken}:ids", "x"});
  EXPECT_THAT(refusal_to_open(redis().url(), {.name = "taken"}), HasSubstr("a key of the log is of another type"));
  const std::string name = new_name();
  { const Node node(name); }
  run(redis(), {"HSET", "{" + name + "}:log", "version", "3"});
  EXPECT_THAT(refusal_to_open(redis().url(), {.name = name}),
              HasSubstr("a newer Millrace made the log (version 3, known is 2): use that Millrace, or another name"));
}

// A server that is running when a newer one writes the log in its own way.
TEST(RedisStore, TakesNothingMoreOfALogThatANewerMillraceWrites) {
  const std::string name = new_name();
  Node node(name);
  node.publish("a", "x");
  run(redis(), {"HSET", "{" + name + "}:log", "version", "3"});
  EXPECT_THAT(node.refusal("a", "y"), HasSubstr("a newer Millrace made the log (version 3"));
  EXPECT_THROW(node->catch_up_with_others(), StoreUnavailable);
  EXPECT_THROW(node->read_after(0, TopicFilter({TopicPattern("a")})), StoreUnavailable);
  EXPECT_EQ(node->head(), 1u);
}

// Older programs share the log until it has an event that they cannot read. Those that run see by the shape that they
// must stop, and those that start, by the version.
TEST(RedisStore, HasItsSecondVersionFromTheFirstEventOfSeveralTopicsOn) {
  const std::string name = new_name();
  Node node(name);
  const auto field = [&](const char* of) {
    return std::string(RedisConnection(redis().address()).run({"HGET", "{" + name + "}:log", of}).text());
  };
  node.publish("a", "x", "1");
  EXPECT_EQ(field("version"), "1");
  EXPECT_EQ(field("shape"), "1 1 0 1 1 0");
  const std::array<Topic, 2> further = {"b", "c"};
  EXPECT_EQ(node.publish({.topic = "a", .further_topics = further, .event = {.data = "y"}}), 2u);
  EXPECT_EQ(field("version"), "2");
  EXPECT_EQ(field("shape"), "v2 2 4 0 1 3 0");
  EXPECT_EQ(node.publish("a", "z"), 3u);
  Node other(name);
  EXPECT_EQ(other.publish("a", "z"), 4u);
  EXPECT_EQ(field("version"), "2");
}

// One that another program writes to, or that Redis has evicted.
TEST(RedisStore, TakesNothingMoreWhereItsKeysWereChanged) {
  for (const RedisWords& change : {RedisWords{"DEL", "ids"},
                                   {"DEL", "events"},
                                   {"XTRIM", "events", "MAXLEN", "1"},
                                   {"DEL", "newest"},
                                   {"XADD", "events", "9-0", "a", "b"},
                                   {"ZREMRANGEBYRANK", "topics", "0", "0"}}) {
    const std::string name = new_name();
    Node node(name);
    node.publish("a", "x", "1");
    node.publish("a", "y", "2");
    RedisWords words = change;
    words[1] = "{" + name + "}:" + change[1];
    run(redis(), words);
    EXPECT_THAT(node.refusal("a", "z"), HasSubstr("keys of the log were changed or evicted")) << words[0] << words[1];
    EXPECT_THROW(node->read_after(0, TopicFilter({TopicPattern("a")})), StoreUnavailable) << words[0] << words[1];
    EXPECT_EQ(node->head(), 2u);
  }
}

TEST(RedisStore, RefusesEventsWhileRedisIsFull) {
  RedisServer server;
  Node node("log", {}, server.url());
  Acknowledged acknowledged;
  for (int i = 0; i < 20; ++i) {
    const std::string data = std::to_string(i) + std::string(50'000, '.');
    acknowledged[node.publish("a", data)] = data;
  }
  run(server, {"CONFIG", "SET", "maxmemory", "1mb"});
  EXPECT_THAT(node.refusal("a", "x"), HasSubstr("Redis is full (maxmemory)"));
  EXPECT_THAT(node->status().reason, HasSubstr("Redis is full"));
  EXPECT_EQ(node->read_after(19, TopicFilter({TopicPattern("a")})).entries.size(), 1u) << "it is still read";
  EXPECT_THAT(refusal_to_open(server.url(), {.name = "new"}), HasSubstr("Redis is full"));
  EXPECT_EQ(number(server, {"EXISTS", "{new}:log", "{new}:probe"}), 0u) << "it was half made";
  run(server, {"CONFIG", "SET", "maxmemory", "0"});
  EXPECT_TRUE(is_accepting_again(node));
  Node again("log", {}, server.url());
  EXPECT_EQ(again.entries().size(), 20u);
  EXPECT_EQ(lost_of(acknowledged, again), 0u);
}

TEST(RedisStore, MakesRoomInAFullRedisByDroppingOldEvents) {
  RedisServer server;
  Node node("log", {.age = Duration{10'000}}, server.url());
  for (int i = 0; i < 100; ++i) node.publish("a", std::string(50'000, '.'));
  run(server, {"CONFIG", "SET", "maxmemory", "3mb"});
  EXPECT_THAT(node.refusal("a", "x"), HasSubstr("Redis is full"));
  EXPECT_TRUE(eventually([&] { return node->oldest() > 100; }));
  EXPECT_TRUE(is_accepting_again(node));
  EXPECT_EQ(node.publish("a", "y"), 101u);
}

TEST(RedisStore, RefusesEventsWhileItsRedisIsAReplica) {
  const RedisServer primary;
  RedisServer server;
  Node node("log", {}, server.url());
  node.publish("a", "x");
  run(server, {"REPLICAOF", "127.0.0.1", std::to_string(primary.port())});
  // While it copies its primary it may say something else, but it accepts nothing.
  EXPECT_TRUE(eventually([&] {
    const std::string refusal = node.refusal("a", "y");
    EXPECT_THAT(refusal, Not(HasSubstr("it was published")));
    return refusal.find("read-only replica") != std::string::npos;
  }));
  EXPECT_THAT(refusal_to_open(server.url()), HasSubstr("read-only replica"));
  run(server, {"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(is_accepting_again(node));
  EXPECT_GT(node.publish("a", "z"), 2u) << "the numbers of what a failover loses are not given again";
}

TEST(RedisStore, RefusesEventsWhileRedisLoads) {
  // A millisecond for each command that it loads.
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always", "--key-load-delay", "1000"});
  Node node("log", {}, server.url());
  for (int i = 0; i < 900; ++i) node.publish("a", "x");
  server.kill();
  server.spawn();
  EXPECT_TRUE(eventually([&] { return node.refusal("a", "y").find("still loading") != std::string::npos; }));
  EXPECT_THAT(refusal_to_open(server.url(), {.name = "log"}), HasSubstr("still loading"));
  EXPECT_TRUE(is_accepting_again(node));
  EXPECT_EQ(node.entries().size(), 900u);
}

TEST(RedisStore, AnswersItsClientsWith503AndWithItsLevel) {
  RedisServer server(RedisServer::durable());
  ServerOptions options = open_to_all();
  options.store = open_redis(server.url());
  RunningServer millrace(options, [](Server& one) { one.events("/events").operations(); });
  RawClient client(millrace.port());
  const auto publish = [&] {
    return client.exchange(post("/events", R"({"topic":"a","data":"x"})", "Content-Type: application/json\r\n"));
  };
  const RawResponse accepted = publish();
  EXPECT_EQ(accepted.status, 200);
  EXPECT_THAT(accepted.body, HasSubstr(R"("durability":"disk")"));
  server.kill();
  EXPECT_EQ(publish().status, 503);
  EXPECT_EQ(client.exchange(get("/readyz")).status, 503);
  server.start();
  EXPECT_TRUE(eventually([&] { return publish().status == 200; }));
}

}  // namespace
}  // namespace millrace::test
