// Applications that publish in their own transactions, in a real PostgreSQL.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "eventually.h"
#include "postgres_node.h"
#include "stores/postgres/pg_connection.h"

namespace millrace::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PostgresOutbox, DeliversIfAndOnlyIfItsTransactionCommits) {
  const std::string schema = new_schema();
  Node node(schema);
  PgConnection shop = application(schema);
  shop.execute("CREATE TABLE orders (id int)");
  shop.execute("BEGIN; INSERT INTO orders VALUES (1); SELECT millrace_publish('orders', 'one', 'created', 'order-1')");
  EXPECT_EQ(node.publish("x", "meanwhile"), 1u) << "a transaction that is open keeps nobody waiting";
  shop.execute("ROLLBACK");
  shop.execute(
      "BEGIN; INSERT INTO orders VALUES (2); SELECT millrace_publish('orders', 'two', 'created', 'order-2');"
      "SELECT millrace_publish('orders', E'three\\nlines\\n'); SELECT millrace_finish('orders'); COMMIT");
  ASSERT_TRUE(eventually([&] { return node.entries().size() == 4; }));
  const std::vector<LogEntry> entries = node.entries();
  EXPECT_EQ(entries[1].payload, "event: created\nid: order-2\ndata: two\n\n");
  EXPECT_EQ(entries[2].payload, "id: " + node->epoch() + "-3\ndata: three\ndata: lines\ndata: \n\n");
  EXPECT_EQ(entries[3].kind, Publication::Kind::kFinish);
  EXPECT_EQ(node->find("order-2", TopicFilter({TopicPattern("orders")})), 2u);
  EXPECT_EQ(node->find("order-1", TopicFilter({TopicPattern("orders")})), std::nullopt);
  EXPECT_EQ(shop.execute("SELECT count(*) FROM millrace_outbox").number(0, 0), 0u);
}

TEST(PostgresOutbox, DeliversWhatTheDocumentsExamplePublishes) {
  std::ifstream file(MILLRACE_SOURCE_DIR "/docs/operations.md");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t begin = text.find("```sql\n") + 7;
  const std::string example = text.substr(begin, text.find("```", begin) - begin);
  EXPECT_EQ(text.find("```sql\n", begin), std::string::npos) << "another one, which nothing runs";
  const std::string schema = new_schema();
  Node node(schema);
  PgConnection shop = application(schema);
  shop.execute("CREATE TABLE orders (id int, total numeric)");
  shop.execute(example);
  ASSERT_TRUE(eventually([&] { return node.entries().size() == 1; })) << example;
  EXPECT_EQ(node.entries()[0].payload, "event: created\nid: order-17\ndata: {\"order\":17}\n\n");
}

TEST(PostgresOutbox, RefusesInTheApplicationsTransactionWhatCannotBePublished) {
  const std::string schema = new_schema();
  const Node node(schema);
  PgConnection shop = application(schema);
  const std::map<std::string, std::string> refusals = {{"'', 'x'", "topic: "},
                                                       {"'a/*', 'x'", "topic: "},
                                                       {"E'a\\u0001b', 'x'", "topic: "},
                                                       {"repeat('x', 1025), 'x'", "topic: "},
                                                       {"E'a\\nb', 'x'", "topic: "},
                                                       {"'millrace.presence', 'x'", "topic: topics that begin"},
                                                       {"NULL, 'x'", "topic: "},
                                                       {"'a', NULL", "data: "},
                                                       {"'a', repeat('x', 1048577)", "data: "},
                                                       {"'a', 'x', E'b\\nid: 5'", "event: "},
                                                       {"'a', 'x', 'millrace.gap'", "event: "},
                                                       {"'a', 'x', '', 'earliest'", "id: "},
                                                       {"'a', 'x', '', 's1234567-8'", "id: "},
                                                       {"'a', 'x', '', ' blank'", "id: "},
                                                       {"'a', 'x', '', repeat('x', 257)", "id: "},
                                                       {"'a', 'x', '', '', NULL", "retain: "}};
  for (const auto& [arguments, blamed] : refusals) {
    EXPECT_THAT(refusal(shop, "SELECT millrace_publish(" + arguments + ")"), HasSubstr(blamed)) << arguments;
  }
  for (const char* topics :
       {"NULL", "'{}'", "'{{a},{b}}'", "array_fill('a'::text, ARRAY[17])", "'{a,b,a}'", "'{a,NULL}'", "'{a,b*}'",
        "ARRAY[repeat('a', 1000), repeat('b', 1000), repeat('c', 1000),"
        " repeat('d', 1000), repeat('e', 1000)]"}) {
    EXPECT_THAT(refusal(shop, std::string("SELECT millrace_publish_to(") + topics + ", 'x')"), HasSubstr("topic"))
        << topics;
  }
}

TEST(PostgresOutbox, TakesUrlsAsTopics) {
  const std::string schema = new_schema();
  Node node(schema);
  application(schema).execute(
      "SELECT millrace_publish('https://example.com/books/1', 'x'), millrace_publish('/', 'y')");
  ASSERT_TRUE(eventually([&] { return node.entries().size() == 2; }));
  EXPECT_EQ(node.entries()[0].topic.text(), "https://example.com/books/1");
  EXPECT_EQ(node.entries()[1].topic.text(), "/");
}

TEST(PostgresOutbox, PublishesOneEventToSeveralTopics) {
  const std::string schema = new_schema();
  Node node(schema);
  PgConnection shop = application(schema);
  shop.execute(
      "SELECT millrace_publish('b', 'first', '', 'taken'), millrace_publish_to('{a,b}', 'both', 'created', 'own'),"
      " millrace_publish_to('{a,b}', 'again', '', 'own'), millrace_publish_to('{a,b}', 'conflict', '', 'taken')");
  ASSERT_TRUE(eventually(
      [&] { return shop.execute("SELECT count(*) FROM millrace_outbox WHERE refused IS NULL").number(0, 0) == 0; }));
  ASSERT_TRUE(eventually([&] { return node.has("both"); }));
  EXPECT_THAT(node.data(), ElementsAre("first", "both"));
  EXPECT_EQ(node.entries()[1].joined_topics(), "a\nb");
  EXPECT_EQ(node->find("own", TopicFilter({TopicPattern("b")})), 2u);
  const PgResult left = shop.execute("SELECT data, refused FROM millrace_outbox");
  ASSERT_EQ(left.size(), 1);
  EXPECT_EQ(left.text(0, 0), "conflict");
  EXPECT_THAT(std::string(left.text(0, 1)), HasSubstr("in use in topic \"b\""));
}

// Whoever has the right to write the table by itself cannot stop the others.
TEST(PostgresOutbox, KeepsWhatCannotBePublishedAndSaysWhy) {
  const std::string schema = new_schema();
  Node node(schema, {.retained_topics = 1});
  PgConnection shop = application(schema);
  shop.execute(
      "INSERT INTO millrace_outbox (kind, topic, data, event, event_id, retain) VALUES"
      " (0, 'a/*', 'bad', '', '', false), (0, 'a', 'good', '', '', false),"
      " (0, 'a', 'kept', '', '', true), (0, 'b', 'one too many', '', '', true);"
      "SELECT millrace_publish('a', 'last', '', '', true)");
  ASSERT_TRUE(eventually([&] { return node.has("last"); }));
  EXPECT_THAT(node.data(), ElementsAre("good", "kept", "last"));
  const PgResult left = shop.execute("SELECT data, refused FROM millrace_outbox ORDER BY id");
  ASSERT_EQ(left.size(), 2);
  EXPECT_EQ(left.text(0, 0), "bad");
  EXPECT_EQ(left.text(0, 1), "topic, event or id is not valid");
  EXPECT_THAT(std::string(left.text(1, 1)), HasSubstr("its limit"));
}

TEST(PostgresOutbox, NeedsARightOfItsOwnAndNoOther) {
  const std::string schema = new_schema();
  Node node(schema);
  PgConnection owner = application(schema);
  owner.execute("CREATE ROLE " + schema + "_app LOGIN; GRANT USAGE ON SCHEMA " + schema + " TO " + schema + "_app");
  PgConnection shop({.url = postgres().url(schema + "_app"), .schema = schema});
  EXPECT_THAT(refusal(shop, "SELECT millrace_publish('a', 'x')"), HasSubstr("permission denied"));
  owner.execute("GRANT EXECUTE ON FUNCTION millrace_publish TO " + schema + "_app");
  // Nor is it led astray by a table of the same name.
  shop.execute(
      "CREATE TEMPORARY TABLE millrace_outbox (kind bigint, topic text, data text, event text, event_id text,"
      " retain boolean)");
  EXPECT_THAT(refusal(shop, "SELECT * FROM " + schema + ".millrace_outbox"), HasSubstr("permission denied"));
  shop.execute("SELECT millrace_publish('a', 'allowed')");
  EXPECT_TRUE(eventually([&] { return node.has("allowed"); }));
}

}  // namespace
}  // namespace millrace::test
