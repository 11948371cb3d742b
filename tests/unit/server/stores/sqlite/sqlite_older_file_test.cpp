// Files of older versions: a log brings them up to date, and keeps what they have.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "sqlite_event_log_test.h"
#include "stores/sqlite/database.h"
#include "stores/sqlite/schema.h"

namespace millrace::test {
namespace {

class SqliteOlderFile : public SqliteEventLogTest {};

TEST_F(SqliteOlderFile, BringsAnOlderFileUpToDate) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 1);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute("INSERT INTO entries VALUES (7, 'a', 0, 'seven', 1000, CAST('id: seven' || char(10, 10) AS BLOB))");
    old.execute("INSERT INTO entries VALUES (8, 'a', 1, NULL, 1000, NULL)");
  }
  SqliteEventLog& log = open();
  EXPECT_EQ(log.epoch(), "old");
  EXPECT_EQ(log.head(), 8u);
  EXPECT_EQ(log.oldest(), 7u);
  EXPECT_EQ(log.find("seven", *filter_for({"*"})), 7u);
  EXPECT_EQ(log.finished_at(*filter_for({"a"}), UINT64_MAX), 8u);
  EXPECT_EQ(append(), 9u);
  log_.reset();
  SqliteDatabase file(file_, SqliteDatabase::Mode::kRead);
  EXPECT_EQ(file.number("PRAGMA user_version"), kSqliteSchemaVersion);
  EXPECT_EQ(file.number("SELECT count(*) FROM sqlite_schema WHERE name = 'finishes'"), 1);
}

// As the fifth version left it: each retained event in one row, found by its sequence.
TEST_F(SqliteOlderFile, KeepsWhatAnOlderFileRetains) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 5);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute(
        "INSERT INTO retained (sequence, topic, publisher_id, published, payload, publisher)"
        " VALUES (3, 'b', 'mine', 1000, CAST('id: mine' || char(10) || 'data: x' || char(10, 10) AS BLOB), '*')");
    old.execute("INSERT INTO meta VALUES ('head', 9)");
  }
  SqliteEventLog& log = open();
  const auto page = log.read_newest(0, 9, *filter_for({"**"}), EventStore::Topics::kGoingOn);
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].sequence, 3u);
  EXPECT_EQ(page.entries[0].payload, "id: mine\ndata: x\n\n");
  EXPECT_EQ(append("again", "mine", "b"), 0u);
  const std::vector<Topic> further{"b"};
  append({.topic = "c", .further_topics = further, .event = {.data = "y"}, .retain = true});
  EXPECT_EQ(log.read_newest(0, log.head(), *filter_for({"**"}), EventStore::Topics::kGoingOn).entries.size(), 1u);
}

// As the second version left it: IDs were the log's, or with their topic before them that topic's own.
TEST_F(SqliteOlderFile, FindsTheIdsOfAnOlderFile) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 2);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute("INSERT INTO entries VALUES (1, 'a', 0, 'one', 1000, CAST('id: one' || char(10, 10) AS BLOB))");
    old.execute(
        "INSERT INTO entries VALUES (2, 'users/ada', 0, 'users/ada' || char(10) || 'one', 1000,"
        " CAST('id: one' || char(10, 10) AS BLOB))");
    old.execute("INSERT INTO entries VALUES (3, 'a', 0, NULL, 1000, CAST('id: old-3' || char(10, 10) AS BLOB))");
  }
  SqliteEventLog& log = open();
  EXPECT_EQ(log.find("one", *filter_for({"a"})), 1u);
  EXPECT_EQ(log.find("one", *filter_for({"users/ada"})), 2u);
  EXPECT_EQ(log.find("one", *filter_for({"users/*"})), 2u);
  EXPECT_FALSE(log.find("one", *filter_for({"b"})));
  EXPECT_EQ(append("again", "one"), 0u) << "sent again, after the program has changed";
  EXPECT_EQ(append("again", "one", "users/ada"), 0u);
  EXPECT_EQ(append("x", "one", "b"), 4u);
  const auto page = log.read_after(0, *filter_for({"**"}));
  ASSERT_EQ(page.entries.size(), 4u);
  EXPECT_EQ(page.entries[1].publisher_id, "one");
  EXPECT_EQ(page.entries[1].payload, "id: one\n\n");
  EXPECT_EQ(page.entries[2].publisher_id, "");
}

}  // namespace
}  // namespace millrace::test
