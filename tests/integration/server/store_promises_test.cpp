// What a store promises of acknowledged events, and what a server does with one that promises too little, fails, or is
// opened wrong.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "empty_store.h"
#include "millrace/server/event_store.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/push_service.h"
#include "millrace/server/stores/jetstream.h"
#include "millrace/server/stores/sqlite.h"
#include "raw_client.h"
#include "running_server.h"
#include "small_disk.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr std::string_view kJson = "Content-Type: application/json\r\n";

class StoreWithEpoch final : public EmptyStore {
 public:
  using EmptyStore::EmptyStore;
  void start(Callbacks) override { ADD_FAILURE() << "a server uses it"; }
};

class FailingStore final : public EmptyStore {
 public:
  void append(std::span<const Publication>, std::span<std::uint64_t>) override { fail(); }
  std::optional<std::uint64_t> find(std::string_view, const TopicFilter&) const override { fail(); }
  StoreStatus status() const override { return StoreStatus::refusing("the disk is away"); }

 private:
  [[noreturn]] static void fail() { throw StoreUnavailable("the disk is away"); }
};

class AcknowledgedEvents : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(AcknowledgedEvents, SurviveWhatTheStoreIsOpenedFor) {
  EXPECT_EQ(open_sqlite(folder_.path("full"))->durability(), Durability::kDisk);
  EXPECT_EQ(open_sqlite(folder_.path("normal"), {.sync = StoreSync::kNormal})->durability(), Durability::kProcess);
  SmallDisk disk(folder_.path("disk"), 1'024);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system: " << disk.error();
  const auto in_memory = open_sqlite(disk.path("log"));
  EXPECT_EQ(in_memory->durability(), Durability::kProcess) << "the next start of the machine empties a tmpfs";
  ASSERT_EQ(in_memory->warnings().size(), 1u);
  EXPECT_NE(in_memory->warnings().front().find("tmpfs"), std::string::npos);
}

TEST_F(AcknowledgedEvents, SayWhatTheySurviveWhereverSomebodyLooks) {
  ServerOptions stored = open_to_all();
  stored.store = open_sqlite(folder_.path("log"));
  stored.publishing.durability = Durability::kDisk;
  RunningServer server(stored, [](Server& one) { one.events("/events").operations(); });
  EXPECT_EQ(server->hub().publish("a", {.data = "x"}).durability, Durability::kDisk);
  EXPECT_EQ(server->hub().finish("a").durability, Durability::kDisk);
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", R"({"topic":"b","data":"x","id":"1","durability":"disk"})", kJson)).body,
            "{\"id\":\"1\",\"durability\":\"disk\"}\n");
  EXPECT_EQ(client.exchange(post("/events", R"({"topic":"b","data":"x","durability":"quorum"})", kJson)).status, 400);
  EXPECT_EQ(client.exchange(get("/readyz")).body, "ready\ndurability: disk\n");
}

TEST_F(AcknowledgedEvents, AreNotTakenByAServerThatRequiresMore) {
  ServerOptions stored = open_to_all();
  stored.store = open_sqlite(folder_.path("log"), {.sync = StoreSync::kNormal});
  stored.publishing.durability = Durability::kDisk;
  try {
    const Server server(stored);
    FAIL() << "it was made";
  } catch (const InvalidOption& refusal) {
    EXPECT_EQ(refusal.option(), "ServerOptions::publishing.durability");
    EXPECT_NE(refusal.problem().find("\"process\", which does not cover the required \"disk\""), std::string::npos)
        << refusal.problem();
  }
}

// As a cluster does that is configured anew.
class ChangingStore final : public EmptyStore {
 public:
  Durability durability() const override { return level; }
  std::atomic<Durability> level = Durability::kQuorumAndDisk;
};

TEST(Stores, ThatComeToPromiseLessThanIsRequiredTakeNothing) {
  const auto store = std::make_shared<ChangingStore>();
  ServerOptions options = open_to_all();
  options.store = store;
  options.publishing.durability = Durability::kDisk;
  RunningServer server(options, [](Server& one) { one.events("/events").operations(); });
  RawClient client(server.port());
  const std::string request = post("/events", R"({"topic":"a","finish":true})", kJson);
  EXPECT_EQ(client.exchange(request).body, "{\"durability\":\"quorum+disk\"}\n");
  store->level = Durability::kQuorum;
  const RawResponse refused = client.exchange(request);
  EXPECT_EQ(refused.status, 503);
  EXPECT_FALSE(refused.field("Retry-After").empty());
  EXPECT_EQ(client.exchange(get("/readyz")).status, 503);
  EXPECT_NE(server->hub().trouble().value_or("").find("\"quorum\", which does not cover"), std::string::npos);
  EXPECT_EQ(server->hub().finish("a").outcome, Published::Outcome::kStoreUnavailable);
  store->level = Durability::kDisk;
  EXPECT_EQ(client.exchange(request).status, 200);
}

// The program gets the failure as a value, the client as a 503.
TEST(Stores, ThatFailAreResultsOfTheCalls) {
  std::unique_ptr<PushService> push;
  std::mutex mutex;
  std::vector<Subscribed::Outcome> outcomes;
  const auto note = [&](const Subscribed& subscribed) {
    const std::lock_guard lock(mutex);
    EXPECT_FALSE(subscribed);
    EXPECT_FALSE(subscribed.sentence.empty());
    outcomes.push_back(subscribed.outcome);
  };
  RunningServer server({.store = std::make_shared<FailingStore>()}, [&](Server& one) {
    push = std::make_unique<PushService>(one);
    one.Get("/subscribe",
            [&](const auto& request, auto& response) { note(one.subscribe(request, response, {.topics = {"a"}})); });
    one.Get("/push", [&](const auto& request, auto& response) { note(push->connect(request, response, "ada")); });
    one.Get("/publish", [&](const auto&, auto&) { one.hub().publish("a", {.data = "x"}).or_throw(); });
  });
  Hub& hub = server->hub();
  for (const Published& published : {hub.publish("a", {.data = "x"}), hub.finish("a"), hub.begin("a"),
                                     hub.publish(std::vector<Publication>(3, Publication{.topic = "a"})).back()}) {
    EXPECT_EQ(published.outcome, Published::Outcome::kStoreUnavailable);
    EXPECT_EQ(published.sentence, "the disk is away");
    EXPECT_THROW(published.or_throw(), StoreUnavailable);
  }
  EXPECT_EQ(push->close("ada").outcome, PushService::Closed::Outcome::kStoreUnavailable);
  RawClient client(server.port());
  for (const char* path : {"/subscribe", "/push", "/publish"}) {
    const RawResponse response =
        client.exchange("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" +
                        (path == std::string_view("/subscribe") ? "Last-Event-ID: mine\r\n\r\n" : "\r\n"));
    EXPECT_EQ(response.status, 503) << path;
    EXPECT_GT(std::stoi(response.field("Retry-After")), 0) << path;
    EXPECT_EQ(response.body.find("disk"), std::string::npos) << path << ": " << response.body;
  }
  server.stop();
  EXPECT_EQ(outcomes, std::vector(2, Subscribed::Outcome::kStoreUnavailable));
  push.reset();
}

TEST(Stores, WithEpochsThatNoIdCouldBeMadeOfAreRefused) {
  for (const char* epoch : {"", "a\nb", "a-1", "a b", "an epoch of more than thirty-two"}) {
    EXPECT_THROW(Server({.store = std::make_shared<StoreWithEpoch>(epoch)}), InvalidOption) << epoch;
  }
}

TEST(Stores, OpenedWrongAreRefusedWithTheOption) {
  const auto option = [](const auto& open) -> std::string {
    try {
      open();
    } catch (const InvalidOption& invalid) {
      return invalid.option();
    }
    return "nothing was thrown";
  };
  EXPECT_EQ(option([] { open_sqlite(""); }), "open_sqlite(path)");
  EXPECT_EQ(option([] { open_sqlite("x", {.bounds = {.age = Duration{0}}}); }), "SqliteOptions::bounds.age");
  EXPECT_EQ(option([] { open_jetstream("mysql:x"); }), "open_jetstream(url)");
  EXPECT_EQ(option([] { open_jetstream("nats://"); }), "open_jetstream(url)");
  EXPECT_EQ(option([] { open_jetstream("nats://a", {.replicas = 9}); }), "JetStreamOptions::replicas");
  EXPECT_EQ(option([] { open_jetstream("nats://a", {.bounds = {.age = Duration{0}}}); }),
            "JetStreamOptions::bounds.age");
}

}  // namespace
}  // namespace millrace::test
