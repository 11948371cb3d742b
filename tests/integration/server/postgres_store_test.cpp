// The store in PostgreSQL, on a real server: several servers on one log, and what becomes of it when the database is
// not as it should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "millrace/server/stores/postgres.h"
#include "postgres_node.h"
#include "postgres_server.h"
#include "started_store.h"
#include "stores/postgres/pg_connection.h"
#include "stores/postgres/pg_schema.h"

namespace millrace::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// --- Several servers ------------------------------------------------------------------------------------------------

TEST(PostgresStore, IsOneLogForSeveralServers) {
  const std::string schema = new_schema();
  Node one(schema);
  Node two(schema);
  EXPECT_EQ(one->epoch(), two->epoch());
  EXPECT_EQ(one.publish("a", "1", "id"), 1u);
  EXPECT_TRUE(two->catch_up(1));
  EXPECT_EQ(two.publish("a", "again", "id"), 0u) << "an ID is the log's, not the server's";
  EXPECT_EQ(two.publish("a", "2"), 2u);
  EXPECT_TRUE(eventually([&] { return one.has("2"); }));
  EXPECT_FALSE(one->catch_up(3));
  Node late(schema);
  EXPECT_THAT(late.data(), ElementsAre("1", "2"));
}

// The trap of numbers that become visible out of order.
TEST(PostgresStore, ShowsNoReaderAHoleBehindLongTransactions) {
  const std::string schema = new_schema();
  Node one(schema);
  Node two(schema);
  constexpr int kApplications = 6;
  constexpr int kEach = 40;
  std::mutex mutex;
  std::multiset<std::string> committed;
  std::vector<std::thread> threads;
  for (int a = 0; a < kApplications; ++a) {
    threads.emplace_back([&, a] {
      std::mt19937 random(static_cast<unsigned>(a));
      PgConnection shop = application(schema);
      for (int i = 0; i < kEach; ++i) {
        const std::string data = "app " + std::to_string(a) + "/" + std::to_string(i);
        shop.execute("BEGIN; SELECT millrace_publish('a', '" + data + "')");
        // Others begin later, and commit before.
        if (random() % 3 == 0) shop.execute("SELECT pg_sleep(0.0" + std::to_string(1 + random() % 9) + ")");
        const bool commits = random() % 4 != 0;
        shop.execute(commits ? "COMMIT" : "ROLLBACK");
        const std::lock_guard lock(mutex);
        if (commits) committed.insert(data);
      }
    });
  }
  for (Node* node : {&one, &two}) {
    for (int p = 0; p < 2; ++p) {
      threads.emplace_back([&, node, p] {
        for (int i = 0; i < kEach; ++i) {
          const std::string data = (node == &one ? "one " : "two ") + std::to_string(p) + "/" + std::to_string(i);
          EXPECT_NE(node->publish("b", data), 0u);
          const std::lock_guard lock(mutex);
          committed.insert(data);
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (Node* node : {&one, &two}) {
    EXPECT_TRUE(eventually([&] { return node->entries().size() >= committed.size(); }));
    const std::vector<LogEntry> entries = node->entries();
    std::multiset<std::string> seen;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ASSERT_EQ(entries[i].sequence, i + 1) << "a hole, or out of order";
      seen.insert(data_of(entries[i]));
    }
    EXPECT_EQ(seen, committed) << "each that was committed once, and no other";
  }
  EXPECT_EQ(one.data(), two.data());
}

// --- Failures -------------------------------------------------------------------------------------------------------

TEST(PostgresStore, LosesNothingAcknowledgedWhereTheDatabaseIsKilled) {
  PostgresServer server;
  std::mt19937 random(std::random_device{}());
  Acknowledged acknowledged;
  {
    Node node("log", {}, server.url());
    for (int round = 0; round < 3; ++round) {
      publish_until_killed(node, acknowledged, random, [&] { server.kill(); });
      EXPECT_FALSE(node->status().is_accepting());
      server.start();
      EXPECT_TRUE(eventually([&] { return node->status().is_accepting(); }));
    }
    EXPECT_TRUE(eventually([&] { return node->head() >= acknowledged.rbegin()->first; }));
  }
  Node again("log", {}, server.url());
  EXPECT_EQ(lost_of(acknowledged, again), 0u);
}

TEST(PostgresStore, HangsNoPublisherWhileTheDatabaseHangs) {
  PostgresServer server;
  Node node("log", {}, server.url());
  node.publish("a", "before");
  PgConnection other({.url = server.url(), .schema = "log"});
  other.execute(
      "SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE millrace_events IN ACCESS EXCLUSIVE MODE");
  EXPECT_THROW(node.publish("a", "while it hangs"), StoreUnavailable);
  other.execute("ROLLBACK");
  EXPECT_TRUE(eventually([&] { return node->status().is_accepting(); }));
  EXPECT_NE(node.publish("a", "after"), 0u);
}

TEST(PostgresStore, SaysWhyItCannotBeOpened) {
  const std::string url = postgres().url();
  PgConnection admin({.url = url, .schema = {}});
  admin.execute("CREATE ROLE nobody LOGIN");
  admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0");
  EXPECT_THAT(refusal_to_open("mysql://x"), HasSubstr("open_postgres(url)"));
  EXPECT_THAT(refusal_to_open("postgres://me:secret@h/db?nonsense=1"), HasSubstr("not a URL of PostgreSQL"));
  EXPECT_THAT(refusal_to_open(postgres().url("millrace", "missing")), HasSubstr("database \"missing\" does not exist"));
  EXPECT_THAT(refusal_to_open(postgres().url("stranger")), HasSubstr("role \"stranger\" does not exist"));
  EXPECT_THAT(refusal_to_open(postgres().url("nobody"), {.schema = "x"}), HasSubstr("permission denied for database"));
  EXPECT_THAT(refusal_to_open(postgres().url("millrace", "latin")), HasSubstr("ENCODING 'UTF8'"));
  EXPECT_THAT(refusal_to_open("postgres://millrace:secret@127.0.0.1:" + std::to_string(free_port()) + "/postgres"),
              ::testing::AllOf(HasSubstr("cannot connect to PostgreSQL"), ::testing::Not(HasSubstr("secret"))));
  const std::string schema = new_schema();
  { const Node node(schema); }
  application(schema).execute("UPDATE millrace_log SET version = 3");
  EXPECT_THAT(refusal_to_open(url, {.schema = schema}), HasSubstr("a newer Millrace made the tables"));
  application(schema).execute("UPDATE millrace_log SET version = 2");
  EXPECT_THAT(refusal_to_open(url + "?options=-c%20default_transaction_read_only%3Don", {.schema = schema}),
              HasSubstr("read-only transaction"));
}

// Tables as the first version made them, with an event and a retained one.
void make_first_tables(PgConnection& connection, const std::string& schema) {
  connection.execute("CREATE SCHEMA " + schema + "; BEGIN");
  update_schema(connection, 0, 1);
  connection.execute(
      "INSERT INTO millrace_log (version, epoch, head, entries, bytes, retained_topics, retained_bytes)"
      " VALUES (1, 's1234567', 2, 2, 30, 1, 12);"
      "INSERT INTO millrace_events (sequence, topic, kind, publisher, published, payload, retained) VALUES"
      " (1, 'a', 0, '', 1, E'data: old\\n\\n', true), (2, 'b', 0, '', 2, E'data: newer\\n\\n', false); COMMIT");
}

TEST(PostgresStore, UpdatesTheTablesOfAnOlderMillrace) {
  const std::string schema = new_schema();
  PgConnection owner = application(schema);
  make_first_tables(owner, schema);
  const std::string role = schema + "_app";
  owner.execute("CREATE ROLE " + role + " LOGIN; GRANT USAGE ON SCHEMA " + schema + " TO " + role +
                "; GRANT EXECUTE ON FUNCTION millrace_publish TO " + role);
  PgConnection shop({.url = postgres().url(role), .schema = schema});
  shop.execute("SELECT millrace_publish('c', 'before')");
  const auto for_operators = access_postgres(postgres().url(), schema);
  EXPECT_EQ(for_operators->describe().version, 1u);
  EXPECT_THROW(for_operators->read_after(0), StoreUnavailable) << "the tables need an update";
  for_operators->update(StoreAccess::Update::kRehearse);
  EXPECT_EQ(for_operators->describe().version, 1u);

  Node node(schema);
  EXPECT_EQ(for_operators->describe().version, kPostgresSchemaVersion);
  EXPECT_TRUE(eventually([&] { return node.has("before"); }));
  const std::array<Topic, 1> further = {"b"};
  EXPECT_EQ(node.publish({.topic = "a", .further_topics = further, .event = {.data = "both"}}), 4u);
  const EventStore::Page newest = node->read_newest(0, 4, everything(), EventStore::Topics::kAll);
  ASSERT_EQ(newest.entries.size(), 2u);
  EXPECT_EQ(newest.entries[1].joined_topics(), "a\nb");
  shop.execute("SELECT millrace_publish('c', 'after')");  // with the right that it had
  EXPECT_TRUE(eventually([&] { return node.has("after"); }));
  EXPECT_THAT(refusal(shop, "SELECT millrace_publish_to('{a}', 'x')"), HasSubstr("permission denied"));
  EXPECT_TRUE(for_operators->find_damage().empty());
}

TEST(PostgresStore, UpdatesTheTablesForOperators) {
  const std::string schema = new_schema();
  PgConnection owner = application(schema);
  make_first_tables(owner, schema);
  const auto for_operators = access_postgres(postgres().url(), schema);
  for_operators->update(StoreAccess::Update::kKeep);
  EXPECT_EQ(for_operators->describe().version, kPostgresSchemaVersion);
  EXPECT_EQ(for_operators->read_after(0).size(), 2u);
}

TEST(PostgresStore, SaysThatOnlyTheOwnerUpdatesItsTables) {
  const std::string schema = new_schema();
  PgConnection owner = application(schema);
  make_first_tables(owner, schema);
  const std::string role = schema + "_server";
  owner.execute("CREATE ROLE " + role + " LOGIN; GRANT ALL ON SCHEMA " + schema + " TO " + role +
                "; GRANT ALL ON ALL TABLES IN SCHEMA " + schema + " TO " + role);
  EXPECT_THAT(refusal_to_open(postgres().url(role), {.schema = schema}),
              HasSubstr("cannot update the tables from version 1 to 2, which their owner must do: "));
}

// A server that is running when another one updates the tables.
TEST(PostgresStore, TakesNothingMoreOfTablesThatANewerMillraceHasUpdated) {
  const std::string schema = new_schema();
  Node node(schema);
  node.publish("a", "x");
  application(schema).execute("UPDATE millrace_log SET version = 3");
  EXPECT_THAT(node.refusal("a", "y"), HasSubstr("a newer Millrace made the tables (version 3"));
  EXPECT_THROW(node->catch_up_with_others(), StoreUnavailable);
  EXPECT_TRUE(eventually([&] { return !node->status().is_accepting(); }));
  EXPECT_EQ(node.entries().size(), 1u);
}

TEST(PostgresStore, TakesNothingMoreWhereItsTablesAreTakenAway) {
  const std::string schema = new_schema();
  Node node(schema);
  node.publish("a", "x");
  application(schema).execute("ALTER TABLE millrace_events RENAME TO gone");
  EXPECT_THROW(node.publish("a", "y"), StoreUnavailable);
  EXPECT_THAT(node->status().reason, HasSubstr("does not exist"));
  application(schema).execute("ALTER TABLE gone RENAME TO millrace_events");
  EXPECT_TRUE(eventually([&] { return node->status().is_accepting(); }));
  EXPECT_EQ(node.publish("a", "z"), 2u);
}

// As after a failover to a standby that was behind.
TEST(PostgresStore, GivesNoSequenceTwiceWhereTheDatabaseHasForgotten) {
  const std::string schema = new_schema();
  Node node(schema);
  for (int i = 0; i < 5; ++i) node.publish("a", "x");
  application(schema).execute(
      "DELETE FROM millrace_events WHERE sequence > 3; UPDATE millrace_log SET head = 3, entries = 3");
  EXPECT_EQ(node.publish("a", "y"), 6u);
  EXPECT_EQ(node.entries().back().sequence, 6u);
}

TEST(PostgresStore, PromisesWhatTheDatabaseIsSetTo) {
  const std::string schema = new_schema();
  const auto level = [&](const std::string& settings, std::size_t warnings) {
    const auto store = open_postgres(postgres().url() + settings, {.schema = schema});
    EXPECT_EQ(store->warnings().size(), warnings) << settings;
    return store->durability();
  };
  EXPECT_EQ(level("", 0), Durability::kDisk);
  EXPECT_EQ(level("?options=-c%20synchronous_commit%3Doff", 1), Durability::kProcess);
  EXPECT_EQ(level("?options=-c%20synchronous_commit%3Dlocal", 0), Durability::kDisk);
  PostgresServer careless({"-c", "fsync=off", "-c", "full_page_writes=off"});
  const auto store = open_postgres(careless.url());
  EXPECT_EQ(store->durability(), Durability::kProcess);
  EXPECT_EQ(store->warnings().size(), 2u);
}

TEST(PostgresStore, DropsWhatIsTooOldOrTooMuch) {
  const std::string schema = new_schema();
  Node node(schema, {.bytes = 1'000});
  for (int i = 0; i < 30; ++i) node.publish("a", std::string(100, 'x'));
  EXPECT_LE(node->statistics().bytes, 1'000u);
  EXPECT_GT(node->oldest(), 20u);
  EXPECT_EQ(node.publish("a", std::string(5'000, 'y')), 31u);
  EXPECT_TRUE(eventually([&] { return node->oldest() == 31u; })) << "the newest stays, however large it is";
  Node short_lived(schema, {.bytes = std::nullopt, .age = Duration{1}});
  EXPECT_TRUE(eventually([&] { return short_lived->oldest() == 32u; }));
  EXPECT_EQ(short_lived->head(), 31u);
  EXPECT_EQ(application(schema).execute("SELECT count(*) FROM millrace_events").number(0, 0), 0u);
}

// --- For operators ---------------------------------------------------------------------------------------------------

std::vector<StoreAccess::Entry> all_of(StoreAccess& store) {
  std::vector<StoreAccess::Entry> all;
  for (auto page = store.read_after(0); !page.empty(); page = store.read_after(all.back().entry.sequence)) {
    all.insert(all.end(), page.begin(), page.end());
  }
  return all;
}

TEST(PostgresStore, IsCopiedWholeWhileServersUseIt) {
  const std::string schema = new_schema();
  Node node(schema, {.events = 50});
  const auto append = [&](const Publication& publication) {
    std::uint64_t sequence = 0;
    node->append({&publication, 1}, {&sequence, 1});
  };
  append({.topic = "kept", .event = {.data = "state"}, .retain = true});
  const std::array<Topic, 2> others = {"dropped", "kept too"};
  append({.topic = "gone", .further_topics = others, .event = {.data = "of three"}, .retain = true});
  append({.topic = "gone", .event = {.data = "newer"}});
  append({.topic = "dropped", .kind = Publication::Kind::kFinish});
  for (int i = 0; i < 97; ++i) append({.topic = "a", .event = {.data = "x"}});
  append({.topic = "a",
          .further_topics = std::span(others).first(1),
          .event = {.data = "of two", .id = "2"},
          .retain = true});
  append({.topic = "a", .event = {.data = "x"}});
  append({.topic = "job", .event = {.data = "x", .id = "own"}, .publisher = "user ada"});
  append({.topic = "job", .kind = Publication::Kind::kFinish});
  const auto original = access_postgres(postgres().url(), schema);
  const auto all = all_of(*original);
  ASSERT_EQ(all.front().entry.sequence, 1u);
  EXPECT_TRUE(all.front().is_retained);
  ASSERT_EQ(all[1].entry.sequence, 2u);
  EXPECT_EQ(all[1].entry.joined_topics(), "kept too") << "the others have a newer event, or are finished";
  append({.topic = "a", .event = {.data = "later"}});
  const StoreDescription was = original->describe();
  EXPECT_EQ(was.head, 105u) << "of the state that is read";

  const std::string other = new_schema();
  const auto fill = [&](StoreAccess& store) {
    std::size_t next = 0;
    store.fill(was, [&]() -> std::optional<StoreAccess::Entry> {
      if (next == all.size()) return std::nullopt;
      return all[next++];
    });
  };
  const auto copied = access_postgres(postgres().url(), other);
  EXPECT_THROW(copied->describe(), StoreUnavailable) << "without tables";
  fill(*copied);
  EXPECT_THROW(fill(*access_postgres(postgres().url(), other)), StoreUnavailable) << "it is not empty any more";
  EXPECT_EQ(copied->describe().head, was.head);
  EXPECT_EQ(copied->describe().oldest, was.oldest);
  EXPECT_EQ(copied->describe().entries, was.entries);
  EXPECT_EQ(was.retained_topics, 3u);
  EXPECT_EQ(copied->describe().retained_topics, 3u);
  EXPECT_EQ(copied->describe().epoch, was.epoch);
  EXPECT_TRUE(copied->find_damage().empty());
  const auto entries = all_of(*access_postgres(postgres().url(), other));
  ASSERT_EQ(entries.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(entries[i].entry.sequence, all[i].entry.sequence);
    EXPECT_EQ(entries[i].entry.joined_topics(), all[i].entry.joined_topics());
    EXPECT_EQ(entries[i].entry.payload, all[i].entry.payload);
    EXPECT_EQ(entries[i].entry.publisher_id, all[i].entry.publisher_id);
    EXPECT_EQ(entries[i].entry.publisher_key, all[i].entry.publisher_key);
    EXPECT_EQ(entries[i].entry.published, all[i].entry.published);
    EXPECT_EQ(entries[i].is_retained, all[i].is_retained);
  }
  Node again(other);
  EXPECT_TRUE(again->finished_at(TopicFilter({TopicPattern("job")}), 0));
  EXPECT_EQ(again.publish("a", "next"), was.head + 1);
  application(other).execute("UPDATE millrace_log SET entries = entries + 1");
  ASSERT_EQ(access_postgres(postgres().url(), other)->find_damage().size(), 1u);
}

}  // namespace
}  // namespace millrace::test
