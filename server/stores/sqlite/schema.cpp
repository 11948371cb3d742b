#include "schema.h"

#include <array>

#include "millrace/server/publication.h"

namespace millrace {

namespace {

// The steps from an empty file to the present tables: the one at [n] leads from version n to n + 1. They are never
// changed, only added to, because files of every version exist.
//
// meta     `epoch`; `head`, the newest sequence used, if it may be beyond those of the entries; `boot`, the boot ID
//          of the machine when a program opened the file last; `running`, the same while a program has it open;
//          `indexed`, the sequence up to which `newest` accounts for the entries.
// entries  publisher_id is the publisher's ID (to version 2 id_key, with `<topic>\n` before it if it belonged to its
//          topic), publisher the publisher_key() if there is an ID, kAnyPublisher in rows of older versions; published
//          is in milliseconds since 1970; payload is the event in the format of event streams. Marks have none. digest
//          is payload_digest(), without a value in rows of older versions. topics are all topics of an event of
//          several (LogEntry::joined_topics()), of which `topic` is the first; otherwise without a value.
// further  the other topics of these events, one a row, with what is looked for by topic.
// newest   for each topic with an event that is not retained and still in entries: the newest one's sequence, and
//          whether the topic was finished after it. It is not written with each event, which took as long as the event
//          itself: readers combine it with the few entries after `indexed` (UnindexedTopics).
// retained a topic's newest event, if it is retained, whether it is still in entries or not. An event of several topics
//          has a row for each that retains it.
constexpr std::array<const char*, kSqliteSchemaVersion> kSteps = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, topic TEXT NOT NULL, kind INTEGER NOT NULL,"
    "  id_key TEXT, published INTEGER NOT NULL, payload BLOB);"
    "CREATE INDEX entries_by_topic ON entries (topic);"
    "CREATE INDEX entries_by_id ON entries (id_key) WHERE id_key IS NOT NULL;",

    "CREATE INDEX finishes ON entries (topic) WHERE kind = 1;",

    // Adding a column costs nothing, even in a large file. The update rewrites only rows whose IDs belonged to their
    // topics.
    "DROP INDEX entries_by_id;"
    "ALTER TABLE entries RENAME COLUMN id_key TO publisher_id;"
    "ALTER TABLE entries ADD COLUMN publisher TEXT NOT NULL DEFAULT '*';"
    "UPDATE entries SET publisher_id = substr(publisher_id, instr(publisher_id, char(10)) + 1)"
    "  WHERE instr(publisher_id, char(10)) > 0;"
    "CREATE INDEX entries_by_id ON entries (publisher_id, topic, publisher) WHERE publisher_id IS NOT NULL;",

    "CREATE TABLE newest (topic TEXT PRIMARY KEY, sequence INTEGER NOT NULL, finished INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX newest_by_sequence ON newest (sequence);"
    "CREATE TABLE retained (sequence INTEGER PRIMARY KEY, topic TEXT NOT NULL UNIQUE, publisher_id TEXT,"
    "  published INTEGER NOT NULL, payload BLOB NOT NULL, publisher TEXT NOT NULL);"
    "CREATE INDEX retained_by_id ON retained (publisher_id, topic, publisher) WHERE publisher_id IS NOT NULL;"
    "INSERT INTO newest SELECT topic, max(sequence), 0 FROM entries WHERE kind = 0 GROUP BY topic;"
    "UPDATE newest SET finished = 1 WHERE EXISTS (SELECT 1 FROM entries WHERE entries.kind = 1"
    "  AND entries.topic = newest.topic AND entries.sequence > newest.sequence);",

    "ALTER TABLE entries ADD COLUMN digest INTEGER;"
    "ALTER TABLE retained ADD COLUMN digest INTEGER;",

    "ALTER TABLE entries ADD COLUMN topics TEXT;"
    "CREATE TABLE further (topic TEXT NOT NULL, sequence INTEGER NOT NULL, publisher_id TEXT, publisher TEXT NOT NULL,"
    "  PRIMARY KEY (topic, sequence)) WITHOUT ROWID;"
    "CREATE INDEX further_by_sequence ON further (sequence);"
    "CREATE INDEX further_by_id ON further (publisher_id, topic, publisher) WHERE publisher_id IS NOT NULL;"
    "CREATE TABLE retained_by_topic (topic TEXT NOT NULL UNIQUE, sequence INTEGER NOT NULL, publisher_id TEXT,"
    "  published INTEGER NOT NULL, payload BLOB NOT NULL, publisher TEXT NOT NULL, digest INTEGER);"
    "INSERT INTO retained_by_topic SELECT topic, sequence, publisher_id, published, payload, publisher, digest"
    "  FROM retained;"
    "DROP TABLE retained;"
    "ALTER TABLE retained_by_topic RENAME TO retained;"
    "CREATE INDEX retained_by_sequence ON retained (sequence);"
    "CREATE INDEX retained_by_id ON retained (publisher_id, topic, publisher) WHERE publisher_id IS NOT NULL;",

    "INSERT OR REPLACE INTO meta SELECT 'indexed', ifnull(max(sequence), 0) FROM entries;",
};

void migrate(SqliteDatabase& database, int from, int to) {
  for (int version = from; version < to; ++version) database.execute(kSteps[static_cast<std::size_t>(version)]);
  database.execute(("PRAGMA user_version = " + std::to_string(to)).c_str());
}

}  // namespace

void create_schema(SqliteDatabase& database, int version) {
  // Then free pages can be returned to the file system without rewriting the file.
  database.execute("PRAGMA auto_vacuum = INCREMENTAL");
  database.execute("PRAGMA journal_mode = WAL");
  database.execute("BEGIN IMMEDIATE");
  database.execute(("PRAGMA application_id = " + std::to_string(kSqliteApplicationId)).c_str());
  migrate(database, 0, version);
  database.execute("COMMIT");
}

int schema_version(SqliteDatabase& database) {
  if (database.number("SELECT count(*) FROM sqlite_schema") == 0) return 0;
  if (database.number("PRAGMA application_id") != kSqliteApplicationId) {
    throw StoreUnavailable("the file belongs to another program: choose another path for the store");
  }
  const std::int64_t version = database.number("PRAGMA user_version");
  if (version > kSqliteSchemaVersion) {
    throw StoreUnavailable("a newer Millrace wrote the file (file version " + std::to_string(version) +
                           ", this program's version " + std::to_string(kSqliteSchemaVersion) +
                           "): use that Millrace, or restore a backup of this one's");
  }
  return static_cast<int>(version);
}

void update_schema(SqliteDatabase& database, int version) {
  migrate(database, version, kSqliteSchemaVersion);
}

void prepare_schema(SqliteDatabase& database) {
  const int version = schema_version(database);
  if (version == 0) return create_schema(database, kSqliteSchemaVersion);
  database.execute("PRAGMA journal_mode = WAL");
  if (version == kSqliteSchemaVersion) return;
  database.execute("BEGIN IMMEDIATE");
  update_schema(database, version);
  database.execute("COMMIT");
}

}  // namespace millrace
